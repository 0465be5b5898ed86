// Where the fleet stands: an own map without foreign tiles. Web Mercator, graticule, scale bar; places that would touch
// are one ring whose arcs are the states of its devices. Tiles lie underneath only where the server was given an address.
const WORLD = 256, STEPS = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const x = (lon) => (lon + 180) / 360;
const y = (lat) => { const s = Math.sin(Math.min(85, Math.max(-85, lat)) * Math.PI / 180); return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI); };
const lat = (v) => Math.atan(Math.sinh(Math.PI * (1 - 2 * v))) * 180 / Math.PI;
const lon = (u) => u * 360 - 180;
const ZOOM = [0.4, 19];
export default {
  props: { first: Array, tiles: String },
  template: `
  <section class="ef-card ef-map" data-testid="map" aria-label="Map of places">
    <div class="ef-head"><h2>Places</h2><span class="ef-dim ef-num">{{ said }}</span>
      <span class="ef-push ef-filters"><span class="ef-legend"><i class="ef-dot online"></i>online <i class="ef-dot quiet"></i>quiet <i class="ef-dot"></i>offline</span>
        <button type="button" class="ef-button" aria-label="Closer" @click="zoom(1)" data-testid="closer">+</button>
        <button type="button" class="ef-button" aria-label="Farther" @click="zoom(-1)">−</button>
        <button type="button" class="ef-button" @click="fit" data-testid="whole">Whole fleet</button></span></div>
    <svg ref="svg" :width="w" :height="h" :viewBox="'0 0 ' + w + ' ' + h" tabindex="0" role="group" aria-label="Map; arrow keys move it, plus and minus zoom"
      @wheel="wheel" @pointerdown="grab" @pointermove="drag" @pointerup="held = null" @pointercancel="held = null" @keydown="key">
      <rect :width="w" :height="h" class="sea"/>
      <image v-for="t in sheets" :key="t.href" :href="t.href" :x="t.x" :y="t.y" :width="t.size" :height="t.size"/>
      <g class="lines"><line v-for="l in lines" :x1="l.x1" :y1="l.y1" :x2="l.x2" :y2="l.y2"/>
        <text v-for="l in lines" :x="l.tx" :y="l.ty">{{ l.words }}</text></g>
      <g v-for="c in clusters" :key="c.key" class="spot" tabindex="0" role="button" :aria-label="c.words" data-testid="spot"
        :transform="'translate(' + c.x + ',' + c.y + ')'" @click="choose(c)" @keydown.enter.stop="choose(c)" @keydown.space.prevent.stop="choose(c)">
        <title>{{ c.words }}</title>
        <circle :r="c.r + 3" class="halo"/><circle :r="c.r" class="disc"/>
        <circle v-for="a in c.arcs" :r="c.r" :class="'arc ' + a.state" :stroke-dasharray="a.length + ' 999'" :stroke-dashoffset="-a.start" transform="rotate(-90)"/>
        <text class="count" dy="0.36em">{{ c.count }}</text><text v-if="c.label" class="label" :y="c.r + 17">{{ c.label }}</text></g>
      <g class="scale" :transform="'translate(' + (w - 16 - bar.px) + ',' + (h - 14) + ')'"><path :d="'M0 -5V0H' + bar.px + 'V-5'"/><text :x="bar.px / 2" y="-7">{{ bar.words }}</text></g>
    </svg>
  </section>`,
  data() { return { spots: [], w: 800, h: 300, u: 0.5, v: 0.5, z: 1, held: null, moved: false }; },
  computed: {
    px() { return WORLD * 2 ** this.z; },
    said() { const n = this.spots.length; return n === 1 ? "1 place" : `${n} places`; },
    clusters() {
      const made = [], all = this.spots.map((s) => ({ s, n: s.online + s.quiet + s.offline, x: this.sx(x(s.lon)), y: this.sy(y(s.lat)) }));
      for (const p of all.sort((a, b) => b.n - a.n)) {
        const near = made.find((c) => Math.hypot(c.x - p.x, c.y - p.y) < 75);
        if (near) near.spots.push(p.s); else made.push({ x: p.x, y: p.y, spots: [p.s] });
      }
      return made.filter((c) => c.x > -40 && c.y > -40 && c.x < this.w + 40 && c.y < this.h + 40).map(this.drawn);
    },
    lines() {
      const wide = lon(this.u + this.w / 2 / this.px) - lon(this.u - this.w / 2 / this.px);
      const step = STEPS.find((s) => s / 360 * this.px <= 130) ?? STEPS.at(-1), digits = Math.max(0, -Math.floor(Math.log10(step)));
      const west = lon(this.u - this.w / 2 / this.px), south = lat(this.v + this.h / 2 / this.px), north = lat(this.v - this.h / 2 / this.px), made = [];
      for (let d = Math.ceil(Math.max(-180, west) / step) * step; d <= Math.min(180, west + wide); d += step) {
        const at = this.sx(x(d)); made.push({ x1: at, x2: at, y1: 0, y2: this.h, tx: at + 4, ty: 13, words: name(d, digits, "E", "W") });
      }
      for (let d = Math.ceil(Math.max(-85, south) / step) * step; d <= Math.min(85, north); d += step) {
        const at = this.sy(y(d)); if (at > 24) made.push({ x1: 0, x2: this.w, y1: at, y2: at, tx: 6, ty: at - 4, words: name(d, digits, "N", "S") });
      }
      return made;
    },
    bar() {
      const metre = 40075016 * Math.cos(lat(this.v) * Math.PI / 180) / this.px, most = 110 * metre, power = 10 ** Math.floor(Math.log10(most));
      const long = [5, 2, 1].map((k) => k * power).find((k) => k <= most);
      return { px: long / metre, words: long >= 1000 ? `${long / 1000} km` : `${long} m` };
    },
    sheets() {
      if (!this.tiles) return [];
      const z = Math.max(0, Math.min(19, Math.round(this.z))), n = 2 ** z, size = this.px / n, made = [];
      const first = (c, half) => Math.floor((c - half / this.px) * n), last = (c, half) => Math.floor((c + half / this.px) * n);
      for (let i = first(this.u, this.w / 2); i <= last(this.u, this.w / 2); i++)
        for (let j = Math.max(0, first(this.v, this.h / 2)); j <= Math.min(n - 1, last(this.v, this.h / 2)); j++)
          made.push({ href: this.tiles.replace("{z}", z).replace("{x}", ((i % n) + n) % n).replace("{y}", j), x: this.sx(i / n), y: this.sy(j / n), size: size + 0.5 });
      return made;
    },
  },
  created() { this.spots = this.first; },
  mounted() {
    this.watch = new ResizeObserver(() => { this.measure(); if (!this.touched) this.fit(); });
    this.watch.observe(this.$el); this.measure(); this.fit();
  },
  beforeUnmount() { this.watch.disconnect(); },
  methods: {
    show(spots) { const before = this.spots.length; this.spots = spots; if (before !== spots.length && !this.touched) this.fit(); },
    measure() { const inner = this.$el.clientWidth - parseFloat(getComputedStyle(this.$el).paddingLeft) * 2; this.w = Math.max(200, inner); this.h = this.w < 500 ? 220 : 300; },
    sx(u) { return (u - this.u) * this.px + this.w / 2; },
    sy(v) { return (v - this.v) * this.px + this.h / 2; },
    fit() { this.touched = false; this.around(this.spots); },
    around(spots) {
      if (!spots.length) return;
      const us = spots.map((s) => x(s.lon)), vs = spots.map((s) => y(s.lat));
      const [w, e, n, s] = [Math.min(...us), Math.max(...us), Math.min(...vs), Math.max(...vs)];
      this.u = (w + e) / 2; this.v = (n + s) / 2;
      const scale = Math.min((this.w - 130) / Math.max(e - w, 1e-9), (this.h - 110) / Math.max(s - n, 1e-9));
      this.z = Math.max(ZOOM[0], Math.min(15, Math.log2(scale / WORLD)));
    },
    drawn(c) {
      const sum = (state) => c.spots.reduce((n, s) => n + s[state], 0), count = sum("online") + sum("quiet") + sum("offline");
      const r = Math.min(26, 12 + 3.2 * Math.log2(count) / 2), round = 2 * Math.PI * r, arcs = []; let start = 0;
      for (const state of ["online", "quiet", "offline"]) { const length = round * sum(state) / count; if (length) arcs.push({ state, start, length }); start += length; }
      const one = c.spots.length === 1 ? c.spots[0].name : `${c.spots.length} places`;
      const words = `${one || "a place"}: ` + ["online", "quiet", "offline"].filter(sum).map((s) => `${sum(s)} ${s}`).join(", ");
      return { ...c, key: c.spots[0].lat + "," + c.spots[0].lon, r, arcs, count: count.toLocaleString("en"), label: one, words };
    },
    choose(c) {
      if (this.moved) return;
      const lats = c.spots.map((s) => s.lat), lons = c.spots.map((s) => s.lon), e = c.spots[0].edge;
      this.$emit("choose", { area: [Math.min(...lats) - e, Math.min(...lons) - e, Math.max(...lats) + e, Math.max(...lons) + e], place: c.label });
      if (c.spots.length > 1) { this.touched = true; this.around(c.spots); }
    },
    zoom(by, at) {
      this.touched = true;
      const [a, b] = at ?? [this.w / 2, this.h / 2], u = this.u + (a - this.w / 2) / this.px, v = this.v + (b - this.h / 2) / this.px;
      this.z = Math.max(ZOOM[0], Math.min(ZOOM[1], this.z + by));
      this.u = u - (a - this.w / 2) / this.px; this.v = v - (b - this.h / 2) / this.px;
    },
    wheel(e) { if (!e.ctrlKey) return; e.preventDefault(); const box = this.$refs.svg.getBoundingClientRect(); this.zoom(-Math.sign(e.deltaY) * 0.5, [e.clientX - box.left, e.clientY - box.top]); },
    grab(e) { this.held = [e.clientX, e.clientY, this.u, this.v]; this.moved = false; },
    drag(e) {
      if (!this.held) return;
      const dx = e.clientX - this.held[0], dy = e.clientY - this.held[1];
      if (Math.hypot(dx, dy) > 4) { this.moved = this.touched = true; this.u = this.held[2] - dx / this.px; this.v = this.held[3] - dy / this.px; }
    },
    key(e) {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (by) { this.touched = true; this.u += by[0] * 60 / this.px; this.v += by[1] * 60 / this.px; }
      else if (e.key === "+" || e.key === "=") this.zoom(1); else if (e.key === "-") this.zoom(-1); else return;
      e.preventDefault();
    },
  },
};
function name(degrees, digits, plus, minus) { return Math.abs(degrees).toFixed(digits) + "°" + (Math.abs(degrees) < 1e-9 ? "" : degrees > 0 ? plus : minus); }
