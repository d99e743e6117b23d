// The masks over the photo: fills, outlines and names, on one or two sides of the divider.

const SHADE = rgba(0, 0, 0, 64); // the background, slightly faded, as in the pictures to download
const FADED = 56; // of 255: the other masks while one is pointed at

// What is chosen to be seen. over: the label that is pointed at. only: the only one shown. 0: none.
const freshLook = () => ({
  opacity: 0.6, outlines: true, written: true, mode: 'masks', at: 50, hidden: new Set(), asked: new Set(), only: 0, over: 0,
});

class Masks {
  constructor(stage, camera) {
    Object.assign(this, {stage, camera, layers: [], names: [], look: freshLook()});
    this.sides = [...stage.querySelectorAll('.side')].map(element => {
      const lines = document.createElement('canvas');
      lines.className = 'lines';
      element.append(lines);
      return {element, fills: element.querySelector('.fills'), lines, drawn: null};
    });
  }

  show(layers, names) {
    Object.assign(this, {layers, names});
    for (const side of this.sides) side.drawn = null;
  }

  // How a label of a layer is drawn: 'fill', 'dashes' or ''. Other methods than ReCo know no three answers.
  way(label, layer = 0) {
    const named = this.names[label - 1], {only, hidden, asked} = this.look;
    if (!named || (only && only !== label) || !this.layers[layer]?.counts[label]) return '';
    if (layer || named.answer === 'found') return hidden.has(label) && only !== label ? '' : 'fill';
    return named.answer === 'maybe' && (asked.has(label) || only === label) ? 'dashes' : '';
  }

  // Which layer is seen at a share of the stage's width; -1: the photo alone.
  layerAt(x) {
    const {mode, at} = this.look, left = 100 * x < at;
    if (mode === 'compare') return left ? 0 : 1;
    return mode === 'split' && left ? -1 : 0;
  }

  // The label drawn at a point of the stage, or 0.
  at(x, y) {
    const [width] = this.camera.size, [u, v] = this.camera.photo(x, y), layer = this.layerAt(x / width);
    const map = this.layers[layer]?.map;
    if (!map || u < 0 || v < 0 || u >= 1 || v >= 1) return {label: 0, layer};
    const label = map.values[Math.floor(v * map.height) * map.width + Math.floor(u * map.width)];
    return {label: this.way(label, layer) ? label : 0, layer};
  }

  draw() {
    const {mode, at, opacity} = this.look;
    const plan = {masks: [-1, 0], split: [-1, 0], compare: [0, 1]}[mode];
    const clips = [`inset(0 ${100 - at}% 0 0)`, mode === 'masks' ? 'none' : `inset(0 0 0 ${at}%)`];
    this.sides.forEach((side, i) => {
      const layer = this.layers[plan[i]];
      side.element.hidden = !layer;
      if (!layer) return;
      side.element.style.clipPath = clips[i];
      side.fills.style.opacity = opacity;
      this.fill(side, layer, plan[i]);
      this.line(side, layer, plan[i]);
    });
  }

  fill(side, layer, index) {
    const {over} = this.look, table = new Uint32Array(256).fill(SHADE);
    this.names.forEach(({colour}, i) => {
      const faded = over && over !== i + 1 && this.way(over, index) === 'fill';
      if (this.way(i + 1, index) === 'fill') table[i + 1] = rgba(...channels(colour), faded ? FADED : 255);
    });
    const drawn = table.join();
    if (side.drawn !== drawn || side.layer !== layer) throughTable(side.fills, layer.map, table);
    Object.assign(side, {drawn, layer});
    side.fills.style.transform = this.camera.transform;
  }

  line(side, layer, index) {
    const [width, height] = this.camera.size, ratio = Math.min(2, devicePixelRatio || 1), canvas = side.lines;
    const size = {width: Math.round(width * ratio), height: Math.round(height * ratio)};
    if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
    const pen = canvas.getContext('2d'), scale = this.camera.zoom * width / layer.map.width;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(scale * ratio, 0, 0, scale * ratio, this.camera.x * ratio, this.camera.y * ratio);
    pen.lineJoin = 'round';
    const last = this.way(this.look.over, index) ? this.look.over : 0;
    for (const label of [...this.names.map((_, i) => i + 1).filter(one => one !== last), last].filter(Boolean)) {
      const {colour} = this.names[label - 1], way = this.way(label, index), over = label === last;
      if (!way || !(way === 'dashes' || this.look.outlines || over)) continue;
      const path = layer.path(label), dashes = way === 'dashes' ? [7 / scale, 5 / scale] : [];
      const stroke = (style, thick) => {
        Object.assign(pen, {strokeStyle: style, lineWidth: thick / scale});
        pen.stroke(path);
      };
      pen.setLineDash(dashes);
      pen.globalAlpha = last && !over ? 0.35 : 1;
      stroke('rgba(10, 12, 20, .6)', over ? 5 : 3.5);
      stroke(over ? '#fff' : colour, over ? 2.5 : 1.75);
    }
    pen.globalAlpha = 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.look.written) this.write(pen, layer, index, scale);
  }

  // Names where they fit into their masks.
  write(pen, layer, index, scale) {
    pen.font = `600 13px ${getComputedStyle(this.stage).fontFamily}`;
    Object.assign(pen, {textAlign: 'center', textBaseline: 'middle'});
    this.names.forEach(({name}, i) => {
      const place = layer.anchors.get(i + 1);
      if (this.way(i + 1, index) !== 'fill' || !place) return;
      const wide = pen.measureText(name).width + 14, high = 22;
      if (wide > place.wide * scale || high > 2 * place.depth * scale) return;
      const x = place.x * scale + this.camera.x, y = place.y * scale + this.camera.y;
      pen.globalAlpha = this.look.over && this.look.over !== i + 1 ? 0.35 : 1;
      pen.fillStyle = 'rgba(15, 18, 28, .78)';
      pen.beginPath();
      pen.roundRect(x - wide / 2, y - high / 2, wide, high, 6);
      pen.fill();
      pen.fillStyle = '#fff';
      pen.fillText(name, x, y + 0.5);
      pen.globalAlpha = 1;
    });
  }
}
