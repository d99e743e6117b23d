// A photo from the device's camera, in a dialog.

const shooting = (dialog, taken, failed) => {
  const video = dialog.querySelector('video');
  let stream = null;
  const close = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
    if (dialog.open) dialog.close();
  };
  dialog.addEventListener('close', close);
  dialog.querySelector('[data-close]').addEventListener('click', close);
  dialog.querySelector('[data-shoot]').addEventListener('click', () => {
    if (!video.videoWidth) return;
    const canvas = canvasOf(video.videoWidth, video.videoHeight);
    canvas.getContext('2d').drawImage(video, 0, 0);
    close();
    canvas.toBlob(blob => taken(new File([blob], `camera ${new Date().toTimeString().slice(0, 8).replaceAll(':', '-')}.jpg`)), 'image/jpeg', 0.95);
  });
  return async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 1600}}});
    } catch {
      return failed('The camera cannot be used: there is none, or this page may not. Choose a photo instead.');
    }
    video.srcObject = stream;
    dialog.showModal();
    await video.play();
  };
};
