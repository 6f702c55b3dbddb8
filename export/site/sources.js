// What is painted: the camera, a film or a picture of the visitor's. Errors are named, and main.js
// has a sentence for each name.

const MOST_PICTURE_PX = 4096;  // of the longer side of a picture; more is made smaller

function named(name) { return Object.assign(new Error(name), { name }); }

/** A film or a camera: something that has a new frame now and then. */
class Moving {
  constructor(video, isCamera) {
    Object.assign(this, { video, isCamera, moves: true, isLive: true });
  }

  get frame() { return this.video; }

  get size() { return [this.video.videoHeight, this.video.videoWidth]; }

  /** Calls back when there is a new frame. */
  whenNext(callback) {
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(callback);
    else requestAnimationFrame(callback);
  }

  /** The frame of this moment, as a source of its own. */
  async freeze() { return new Still(await createImageBitmap(this.video), true); }

  /** Sound to record along, as tracks; a camera has none. */
  soundTracks() {
    const capture = this.video.captureStream || this.video.mozCaptureStream;
    return this.isCamera || !capture ? [] : capture.call(this.video).getAudioTracks();
  }

  stop() {
    const { srcObject, src } = this.video;
    for (const track of srcObject ? srcObject.getTracks() : []) {
      track.onended = null;
      track.stop();
    }
    this.video.pause();
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    if (src) URL.revokeObjectURL(src);
    this.video.remove();
  }
}

/** A picture: one frame. `isLive`: it was held fast, and is painted as large as when it moved. */
class Still {
  constructor(bitmap, isLive = false) {
    Object.assign(this, { frame: bitmap, isCamera: false, moves: false, isLive });
  }

  get size() { return [this.frame.height, this.frame.width]; }

  whenNext(callback) { requestAnimationFrame(callback); }

  soundTracks() { return []; }

  stop() { this.frame.close(); }
}

async function play(video) {
  await new Promise((done, fail) => {
    video.onloadeddata = done;
    video.onerror = () => { video.remove(); fail(named("UnknownFile")); };
  });
  video.onerror = null;
  await video.play();
}

// Some telephones play no film that is not on the page: it is there, and not seen.
function makeVideo() {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, className: "unseen" });
  document.getElementById("stage").prepend(video);
  return video;
}

/** Opens a camera: the one in front, or the one of `deviceId`. `onEnd`: it was pulled out. */
export async function openCamera(deviceId, onEnd) {
  if (!navigator.mediaDevices) throw named("NotSecure");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  const stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
  const [track] = stream.getVideoTracks(), video = makeVideo();
  track.onended = onEnd;
  video.srcObject = stream;
  await play(video);
  const { facingMode, deviceId: opened } = track.getSettings();
  const facesAway = facingMode === "environment";
  return Object.assign(new Moving(video, true), { facesAway, opened });
}

/** The ids of all cameras; empty where there is no telling. */
export async function listCameras() {
  if (!navigator.mediaDevices) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput").map((camera) => camera.deviceId);
}

/** Opens a film or a picture file. */
export async function openFile(file, mostSide) {
  if (!file.type.startsWith("image/")) {
    const video = Object.assign(makeVideo(), { loop: true, src: URL.createObjectURL(file) });
    await play(video);
    return new Moving(video, false);
  }
  const whole = await createImageBitmap(file).catch(() => { throw named("UnknownFile"); });
  const { width, height } = whole, longer = Math.max(width, height);
  const scale = Math.min(MOST_PICTURE_PX, mostSide) / longer;
  if (scale >= 1) return new Still(whole);
  const resizeWidth = Math.max(1, Math.round(width * scale));
  const resizeHeight = Math.max(1, Math.round(height * scale));
  const options = { resizeWidth, resizeHeight, resizeQuality: "high" };
  return new Still(await createImageBitmap(whole, options));
}
