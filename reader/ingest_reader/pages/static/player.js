"use strict";
// Follows the words with the player, and the player with the words. Without it, times are links to the source.
(() => {
  const transcript = document.getElementById("transcript");
  if (!transcript) return;
  const frame = document.getElementById("player");
  const words = [...transcript.querySelectorAll(".words .w")];
  const times = words.map((word) => Number(word.dataset.t));
  const youtube = "https://www.youtube-nocookie.com";
  let marked = -1;

  /** The last word that has begun at `seconds`; -1 before the first. */
  function wordAt(seconds) {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= seconds + 0.02) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function mark(seconds) {
    const next = wordAt(seconds);
    if (next === marked) return;
    const old = words[marked], word = words[next];
    old?.classList.remove("now");
    word?.classList.add("now");
    const before = transcript.querySelector(".passage.here"), passage = word?.closest(".passage");
    if (before !== passage) {
      before?.classList.remove("here");
      before?.removeAttribute("aria-current");
      passage?.classList.add("here");
      passage?.setAttribute("aria-current", "true");
      follow(passage);
    }
    marked = next;
  }

  /** Keeps the spoken passage in sight, unless the reader has scrolled away from the one before. */
  function follow(passage) {
    if (!passage) return;
    const place = passage.getBoundingClientRect();
    if (place.top < -innerHeight || place.top > 2 * innerHeight) return;
    if (place.top < 0 || place.bottom > innerHeight) passage.scrollIntoView({ block: "center" });
  }

  /** Players know how to `play(seconds)` and to `cue(seconds)`, and call `mark`. */
  function ofMedia(media) {
    media.addEventListener("timeupdate", () => mark(media.currentTime));
    media.addEventListener("seeking", () => mark(media.currentTime));
    media.addEventListener("play", () => document.body.classList.add("playing"));
    let wanted = null; // the moment to begin at, until the media's length is known
    const begin = () => {
      if (wanted === null || media.readyState === 0) return;
      media.currentTime = wanted;
      wanted = null;
    };
    media.addEventListener("loadedmetadata", begin);
    const cue = (seconds) => { wanted = seconds; begin(); };
    // Never by `load()`, which would pause what somebody has just started: playing loads it.
    return { play: (seconds) => { cue(seconds); media.play().catch(() => {}); }, cue };
  }

  /** The messages between windows that YouTube's script of an API sends, too; no script of theirs runs here. The page
   *  says `listening` until the player answers, then sends commands; the player tells its state by `infoDelivery`.
   *  Where it is blocked nobody answers: after ten seconds the page says so, and waits for somebody to try again. */
  function ofYouTube() {
    const load = document.getElementById("load"), refused = document.getElementById("refused");
    const silent = document.getElementById("silent"), again = document.getElementById("again");
    const patience = 10_000; // milliseconds
    let iframe = null, ready = false, wanted = null, first = Number(frame.dataset.at), greeting = 0, waiting = 0;
    let told = { time: 0, at: 0, rate: 1, playing: false }, counting = 0;
    const tell = (message) => iframe.contentWindow.postMessage(JSON.stringify({ ...message, id: 1, channel: "widget" }), youtube);
    const command = (func, ...args) => tell({ event: "command", func, args });
    const seek = (seconds) => {
      told = { ...told, time: seconds, playing: false };
      if (!ready) { wanted = seconds; return; }
      command("seekTo", seconds, true);
      command("playVideo");
    };
    addEventListener("message", (event) => {
      if (event.origin !== youtube || !iframe || event.source !== iframe.contentWindow) return;
      let said;
      try { said = JSON.parse(event.data); } catch { return; }
      if (!ready) {
        ready = true;
        silent.hidden = true; // it may answer late
        clearInterval(greeting);
        clearTimeout(waiting);
        if (wanted !== null) seek(wanted);
      }
      if (said?.event === "onError") refused.hidden = false; // its owner does not let it be embedded, or it is gone
      const info = said?.info;
      if (typeof info?.playbackRate === "number") told.rate = info.playbackRate;
      if (typeof info?.playerState === "number") {
        if (!told.playing) told.at = performance.now(); // it counts on from when it plays, not from the last message
        told.playing = info.playerState === 1;
      }
      if (typeof info?.currentTime !== "number") return;
      told.time = info.currentTime;
      told.at = performance.now();
      mark(told.time);
    });
    /** Words are shorter than the time between two messages; as YouTube's own script, it counts on for a second. */
    const countOn = () => { if (told.playing) mark(told.time + Math.min(1, (performance.now() - told.at) / 1000) * told.rate); };
    /** From the click, since a frame whose packets are dropped loads for minutes; anew once it has loaded. */
    const wait = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { clearInterval(greeting); silent.hidden = false; }, patience);
    };
    const open = (seconds) => {
      const place = iframe ?? load, focused = document.activeElement === load || document.activeElement === again;
      clearInterval(greeting);
      silent.hidden = true;
      wanted = null;
      iframe = document.createElement("iframe");
      iframe.title = "Player";
      iframe.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
      iframe.referrerPolicy = "strict-origin-when-cross-origin";
      const address = new URL(frame.dataset.source);
      address.searchParams.set("enablejsapi", "1");
      address.searchParams.set("autoplay", "1");
      address.searchParams.set("start", String(Math.floor(seconds)));
      told.time = seconds;
      address.searchParams.set("origin", location.origin);
      iframe.addEventListener("load", () => {
        clearInterval(greeting);
        const greet = () => tell({ event: "listening" });
        greet();
        if (ready) return;
        wait();
        greeting = setInterval(greet, 250);
      });
      iframe.src = address.href;
      place.replaceWith(iframe);
      if (!ready) wait();
      if (focused) iframe.focus();
      clearInterval(counting);
      counting = setInterval(countOn, 100);
      document.body.classList.add("playing");
    };
    load.hidden = false;
    load.addEventListener("click", () => open(first));
    again.addEventListener("click", () => open(told.time));
    return {
      play: (seconds) => { if (iframe && silent.hidden) seek(seconds); else open(seconds); },
      cue: (seconds) => { if (iframe) seek(seconds); else first = seconds; },
    };
  }

  const media = frame?.querySelector("audio, video");
  const player = media ? ofMedia(media) : frame ? ofYouTube() : null;

  /** Seconds of `#t=90`, `#t=1h2m3s`, `#t=1:02:03`; null if the address names no moment so. */
  function momentInHash() {
    const said = new URLSearchParams(location.hash.slice(1)).get("t")?.toLowerCase().replace(/^npt:/, "").split(",")[0];
    if (!said) return null;
    const found = /^()()(\d+(?:\.\d+)?)s?$/.exec(said) ?? /^(?:(\d+):)?([0-5]?\d):([0-5]\d(?:\.\d+)?)$/.exec(said)
      ?? /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(said);
    if (!found) return null;
    const [hours, minutes, seconds] = found.slice(1).map((each) => Number(each ?? 0));
    const moment = hours * 3600 + minutes * 60 + seconds;
    return moment <= 1e7 ? moment : null; // as LATEST_SECONDS, which would refuse the address of such a one
  }

  /** Shows a moment of this page, and has the player ready there. */
  function openAt(seconds) {
    mark(seconds);
    player?.cue(seconds);
    words[marked]?.closest(".passage").scrollIntoView({ block: "center", behavior: "instant" });
  }

  /** Shows the moment that the hash names, if it names one. It may be on the page of another part. */
  function openHash() {
    const seconds = momentInHash();
    if (seconds === null) return false;
    const from = Number(transcript.dataset.from), until = Number(transcript.dataset.until || Infinity);
    if (seconds < from || seconds >= until) location.replace(`${location.pathname}?at=${seconds}`);
    else openAt(seconds);
    return true;
  }

  addEventListener("hashchange", openHash);
  if (!openHash() && transcript.dataset.at) openAt(Number(transcript.dataset.at));
  if (!player) return;
  document.body.classList.add("playable");

  transcript.addEventListener("click", (event) => {
    const target = event.target.closest("[data-t]");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!getSelection().isCollapsed) return;
    event.preventDefault();
    mark(Number(target.dataset.t));
    player.play(Number(target.dataset.t));
  });
  transcript.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const passage = event.target.closest(".passage"), own = words.indexOf(passage?.querySelector(".w"));
    if (own < 0) return; // on a link between parts, or on a passage without words
    const from = marked >= 0 && words[marked].closest(".passage") === passage ? marked + step : own;
    const next = Math.min(Math.max(from, 0), words.length - 1);
    event.preventDefault();
    mark(times[next]);
    player.play(times[next]);
  });
})();
