"""A visitor's own photos: as they are dropped (`uploads`), kept (`user_photos`), searched and learned from beside the
shared archive (`user_archive`), and taken home (`bundle`).
"""
