// Mouse, touch, wheel and keyboard on the stage.

const STILL = 5; // CSS pixels that a click may wander

// Wheels go on scrolling the page when they come over the photo; only after a rest they zoom.
let scrolled = 0;
addEventListener('scroll', () => { scrolled = performance.now(); }, {passive: true});

const gestures = (stage, camera, acts) => {
  const down = new Map();
  let far = 0, pinched = false;
  const place = event => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  };
  const onDivider = event => event.target.closest('.divider');

  stage.addEventListener('pointerdown', event => {
    if (event.button || event.target.closest('button')) return;
    down.set(event.pointerId, {at: place(event), divider: onDivider(event)});
    [far, pinched] = down.size === 1 ? [0, false] : [STILL + 1, true];
    if (onDivider(event)) stage.setPointerCapture(event.pointerId);
  });

  stage.addEventListener('pointermove', event => {
    const at = place(event), held = down.get(event.pointerId);
    if (!held) return event.pointerType === 'mouse' && acts.point(...(event.target.closest('button') ? [-1, -1] : at));
    const [dx, dy] = [at[0] - held.at[0], at[1] - held.at[1]];
    far += Math.hypot(dx, dy);
    if (held.divider) acts.divide(at[0] / camera.size[0]);
    else if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, {at: there}]) => there);
      const apart = from => Math.hypot(from[0] - other[0], from[1] - other[1]) || 1;
      camera.pan(dx / 2, dy / 2);
      camera.by(apart(at) / apart(held.at), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    } else if (camera.zoom > 1 && far > STILL) {
      if (!stage.hasPointerCapture(event.pointerId)) stage.setPointerCapture(event.pointerId);
      camera.pan(dx, dy);
    }
    held.at = at;
  });

  const up = event => {
    const held = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (!held || held.divider || event.type !== 'pointerup' || far > STILL || pinched) return;
    acts.press(...place(event), event.pointerType !== 'mouse');
  };
  stage.addEventListener('pointerup', up);
  stage.addEventListener('pointercancel', up);
  stage.addEventListener('pointerleave', event => event.pointerType === 'mouse' && acts.point(-1, -1));

  stage.addEventListener('wheel', event => {
    const closer = event.deltaY < 0, resting = performance.now() - scrolled > 400;
    if (!event.ctrlKey && (camera.zoom === 1 ? !closer || !resting : false)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    camera.by(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), ...place(event));
  }, {passive: false});

  stage.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' && event.target.closest('button')) return;
    const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    const keys = {'+': () => camera.by(1.5), '=': () => camera.by(1.5), '-': () => camera.by(1 / 1.5), 0: () => camera.fit(),
      Enter: acts.enter, Escape: acts.escape};
    if (steps && onDivider(event)) acts.slide(steps[0] - steps[1]);
    else if (steps && event.shiftKey) camera.pan(-40 * steps[0], -40 * steps[1]);
    else if (steps) acts.step(steps[0] + steps[1]);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
};
