"""What one visitor may use, so that the server lasts for all of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a server. Seconds, bytes, or counts."""

    keep_seconds: float = 3600  # for which a visitor's things are kept when nobody uses them
    sessions: int = 200  # visitors whose things are kept
    upload_bytes: int = 30_000_000  # of one file
    exemplars: int = 50  # that a name is learned from
    search_results: int = 60
    user_photos: int = 200  # of a visitor
    user_bytes: int = 100_000_000  # of a visitor's photos as they are kept, and of what a zip unpacks to
    user_words: int = 1000  # of a visitor's own vocabulary
    reading_bytes: int = 200_000_000  # of memory for photos read for Discover, of all visitors at once
    specialist_names: int = 30
    job_seconds: float = 1800  # of one training; then it ends with the best that there is
    jobs: int = 20  # on a server: the one that runs, and those that wait
    absent_seconds: float = 300  # without a question about a job, after which nobody is there any more
    queue: int = 200  # requests of all visitors that wait
    waiting: int = 4  # requests of a session that wait or run at once
    request_seconds: float = 60  # of a request, from when it starts
    photos_seconds: float = 150  # of one that reads many photos
    page_seconds: float = 240  # of a page to take along that is made, in a process of its own
    pixels: int = 2_500_000_000  # of all photos that are given at once
    listen_seconds: float = 10  # without anybody who waits for the answer, after which there will be none
    client_waiting: int = 24  # requests of an address that wait or run at once
    client_jobs: int = 2  # trainings of an address
    client_sessions: int = 60  # new sessions of an address within `keep_seconds`
    client_uploads: int = 6  # files that an address sends at once
    upload_files: int = 300  # in one request
    file_bytes: int = 50_000  # that a file counts beside its own, since a disk also runs out of files
    client_bytes: int = 1_000_000_000  # that an address sends within `keep_seconds`
    client_calls: float = 20.0  # of an address in a second, in the mean
    body_bytes: int = 45_000_000  # of a request that is no upload: a photo as text
    free_bytes: int = 200_000_000  # of the disk, below which nothing is taken any more

    @property
    def zip_files(self) -> int:
        """Files in a zip, whatever they are."""
        return 5 * self.user_photos
