() => { setTimeout(() => document.querySelector('#saved').click(), 200); }
