// Snapshots and recordings, saved as the browser saves what is downloaded.

const BITS_A_SECOND = 8e6;
const CLIP_KINDS = [
  "video/mp4;codecs=avc1.640028,mp4a.40.2", "video/mp4;codecs=avc1.42E01F", "video/mp4",
  "video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm",
];

/** The kind of film that this browser can write, or undefined. */
export function clipKind() {
  return window.MediaRecorder && CLIP_KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
}

function save(blob, styles, ending) {
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `livebrush-${styles.join("+")}-${time}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Saves what `canvas` shows. Call it in the task that has drawn it. */
export function saveSnapshot(canvas, styles) {
  return new Promise((done) => {
    canvas.toBlob((blob) => done(save(blob, styles, "png")), "image/png");
  });
}

/** Records what `canvas` shows, with `soundTracks`, until `stop`; then it is saved. */
export class Recording {
  constructor(canvas, soundTracks, styles, onEnd) {
    const kind = clipKind(), parts = [];
    const stream = canvas.captureStream();
    for (const track of soundTracks) stream.addTrack(track);
    this.began_ms = performance.now();
    const options = { mimeType: kind, videoBitsPerSecond: BITS_A_SECOND };
    this.recorder = new MediaRecorder(stream, options);
    this.recorder.ondataavailable = ({ data }) => { if (data.size) parts.push(data); };
    this.recorder.onerror = () => this.stop();
    this.recorder.onstop = () => {
      const type = kind.split(";")[0];
      if (parts.length) save(new Blob(parts, { type }), styles, type.split("/")[1]);
      onEnd(parts.length > 0);
    };
    this.recorder.start(1000);
  }

  /** How long it runs, as minutes and seconds. */
  get clock() {
    const seconds = Math.floor((performance.now() - this.began_ms) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  stop() { if (this.recorder.state !== "inactive") this.recorder.stop(); }
}
