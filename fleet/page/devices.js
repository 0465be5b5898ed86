// The list of devices: shows one page that the server has searched, sorted and cut, and takes changes cell by cell.
export default {
  props: { first: Object, columns: Array },
  template: `
  <section class="ef-card ef-devices" data-testid="devices" aria-label="Devices">
    <div class="ef-head">
      <h2>Devices</h2>
      <span class="ef-dim ef-num" role="status" data-testid="found">{{ found }}</span>
      <span class="ef-push ef-filters">
        <input type="search" class="ef-input" placeholder="Search" aria-label="Search" data-testid="search"
          v-model="query.search" @input="later">
        <select v-for="f in filters" :key="f.name" class="ef-input" :aria-label="f.label" :data-testid="'by-' + f.name"
          v-model="query[f.name]" @change="ask">
          <option value="">{{ f.all }}</option>
          <option v-for="o in (f.name === 'status' ? ['online', 'quiet', 'offline'] : choices[f.name])" :value="o">{{ o }}</option>
        </select>
        <button v-if="narrowed" type="button" class="ef-button" data-testid="clear" @click="clear">Clear</button>
      </span>
    </div>
    <div v-if="query.area" class="ef-placed"><span class="ef-chip ef-busy" data-testid="placed">{{ query.place || 'on the map' }}</span></div>
    <div class="ef-scroll"><table>
      <thead><tr><th v-for="c in columns" scope="col" :class="c.right ? 'right' : ''"
          :aria-sort="query.sort === c.name ? (query.down ? 'descending' : 'ascending') : 'none'">
        <button v-if="c.name !== 'classes'" type="button" :aria-label="'Sort by ' + c.label" @click="sort(c.name)">{{ c.label }}<i
          aria-hidden="true">{{ query.sort === c.name ? (query.down ? ' ↓' : ' ↑') : '' }}</i></button>
        <span v-else>{{ c.label }}</span></th></tr></thead>
      <tbody><tr v-for="row in rows" :key="row.id" :data-testid="'device-' + row.id">
        <td class="name whole"><span class="ef-where">
          <span :class="'ef-dot ' + row.presence" role="img" :aria-label="row.presence" :title="row.presence"></span>
          <a :href="'/devices/' + row.id">{{ row.id }}</a></span></td>
        <td data-label="Site">{{ row.site || '–' }}</td>
        <td data-label="Profile">{{ row.profile || '–' }}</td>
        <td data-label="Model" data-testid="model">{{ row.model || '–' }}</td>
        <td data-label="Frames/s" class="right" data-testid="rate">{{ row.rate }}</td>
        <td data-label="Latency p95" class="right">{{ row.p95 }}</td>
        <td data-label="Dropped" class="right">{{ row.dropped }}</td>
        <td data-label="Temperature" class="right">{{ row.temperature }}</td>
        <td data-label="Seen" class="whole last"><span class="ef-stripes" role="img" :style="{ backgroundImage: row.bar }"
          :title="row.classes" :aria-label="row.classes"></span></td>
        <td data-label="Last heard" class="right" data-testid="seen">{{ ago(row.seen) }}</td>
      </tr></tbody></table></div>
    <p v-if="!rows.length" class="ef-empty" data-testid="none">{{ narrowed ? 'No device fits. Clear the search and the filters to see all.' :
      'No device has reported yet. Point a device at this broker and fleet: edgeferry run --device device.toml' }}</p>
    <div v-if="key.length" class="ef-key"><span v-for="k in key"><i :style="{ background: k[1] }"></i>{{ k[0] }}</span></div>
    <nav v-if="pages > 1" class="ef-pages" aria-label="Pages of devices">
      <button type="button" class="ef-button" :disabled="query.page === 0" @click="turn(-1)" data-testid="back">Back</button>
      <span class="ef-num">Page {{ query.page + 1 }} of {{ pages }}</span>
      <button type="button" class="ef-button" :disabled="query.page + 1 >= pages" @click="turn(1)" data-testid="on">On</button>
    </nav>
  </section>`,
  data() {
    return { rows: [], total: 0, choices: {}, key: [], now: 0, behind: 0, asked: 0, size: 50,
      query: { search: "", status: "", site: "", profile: "", model: "", area: null, place: "", sort: "id", down: false, page: 0 },
      filters: [{ name: "status", label: "Status", all: "Any status" }, { name: "site", label: "Site", all: "Any site" },
        { name: "profile", label: "Profile", all: "Any profile" }, { name: "model", label: "Model", all: "Any model" }] };
  },
  computed: {
    pages() { return Math.max(1, Math.ceil(this.total / this.size)); },
    narrowed() { const q = this.query; return !!(q.search || q.status || q.site || q.profile || q.model || q.area); },
    found() {
      const first = this.query.page * this.size, n = (x) => x.toLocaleString("en");
      return this.total > this.size ? `${n(first + 1)} to ${n(first + this.rows.length)} of ${n(this.total)}` : n(this.total);
    },
  },
  created() { this.show(this.first); Object.assign(this.query, this.first.query); },
  mounted() { this.clock = setInterval(() => { this.now = Date.now() / 1000 - this.behind; }, 1000); },
  beforeUnmount() { clearInterval(this.clock); },
  methods: {
    show(found) {
      if (found.asked < this.asked) return;
      for (const name of ["rows", "total", "choices", "key", "size"]) if (found[name] !== undefined) this[name] = found[name];
      if (found.page !== undefined) this.query.page = found.page;
      this.behind = Date.now() / 1000 - found.now; this.now = found.now;
    },
    patch(changes, now) {
      const at = Object.fromEntries(this.rows.map((row) => [row.id, row]));
      for (const [id, cells] of changes) if (at[id]) Object.assign(at[id], cells);
      this.behind = Date.now() / 1000 - now; this.now = now;
    },
    narrow(more) { Object.assign(this.query, more); this.ask(); },
    later() { clearTimeout(this.pause); this.pause = setTimeout(this.ask, 120); },
    ask(turned) {
      if (turned !== true) this.query.page = 0;
      this.asked += 1;
      const said = new URLSearchParams();
      for (const name of ["search", "status", "site", "profile", "model"]) if (this.query[name]) said.set(name, this.query[name]);
      history.replaceState(null, "", said.size ? "?" + said : location.pathname);
      this.$emit("ask", { ...this.query, asked: this.asked });
    },
    clear() { Object.assign(this.query, { search: "", status: "", site: "", profile: "", model: "", area: null, place: "" }); this.ask(); },
    sort(name) { this.query.down = this.query.sort === name ? !this.query.down : false; this.query.sort = name; this.ask(); },
    turn(by) { this.query.page += by; this.ask(true); },
    ago(seen) {
      if (!seen) return "never";
      const s = Math.max(0, this.now - seen);
      for (const [unit, length, most] of [["s", 1, 90], ["min", 60, 5400], ["h", 3600, 129600]]) if (s < most) return `${Math.round(s / length)} ${unit} ago`;
      return `${Math.round(s / 86400)} d ago`;
    },
  },
};
