// Where the photo is in the stage: fit at 1, at most 12 times as large, and never out of sight.

const MOST = 12;

class Camera {
  constructor(stage, moved) {
    Object.assign(this, {stage, moved, zoom: 1, x: 0, y: 0});
  }

  // CSS pixels of the stage; it has the photo's aspect.
  get size() {
    return [this.stage.clientWidth || 1, this.stage.clientHeight || 1];
  }

  // Zoom by a factor, where the stage's point (x, y) keeps what it shows; without one, the middle.
  by(factor, x = this.size[0] / 2, y = this.size[1] / 2) {
    const zoom = Math.min(MOST, Math.max(1, this.zoom * factor)), ratio = zoom / this.zoom;
    this.to(zoom, x - (x - this.x) * ratio, y - (y - this.y) * ratio);
  }

  to(zoom, x, y) {
    const [width, height] = this.size;
    this.zoom = zoom < 1.01 ? 1 : zoom;
    this.x = Math.min(0, Math.max(width * (1 - this.zoom), x));
    this.y = Math.min(0, Math.max(height * (1 - this.zoom), y));
    this.moved();
  }

  pan(dx, dy) {
    this.to(this.zoom, this.x + dx, this.y + dy);
  }

  fit() {
    this.to(1, 0, 0);
  }

  // A point of the stage as shares 0..1 of the photo, and back.
  photo(x, y) {
    const [width, height] = this.size;
    return [(x - this.x) / this.zoom / width, (y - this.y) / this.zoom / height];
  }

  stagePoint(u, v) {
    const [width, height] = this.size;
    return [u * width * this.zoom + this.x, v * height * this.zoom + this.y];
  }

  get transform() {
    return `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
  }
}
