"use strict";
// Follows the words with the player, and the player with the words. Without it, times are links to the source.
(() => {
  const frame = document.getElementById("player");
  if (!frame) return;
  const words = [...document.querySelectorAll("#transcript .words .w")];
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
    const before = old?.closest(".passage"), passage = word?.closest(".passage");
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

  /** Players know how to `play(seconds)`, and call `mark`. */
  function ofMedia(media) {
    media.addEventListener("timeupdate", () => mark(media.currentTime));
    media.addEventListener("seeking", () => mark(media.currentTime));
    media.addEventListener("play", () => document.body.classList.add("playing"));
    return (seconds) => {
      const start = () => { media.currentTime = seconds; media.play().catch(() => {}); };
      if (media.readyState > 0) start();
      else { media.addEventListener("loadedmetadata", start, { once: true }); media.preload = "metadata"; media.load(); }
    };
  }

  /** YouTube's own protocol between windows, which its script of an API speaks too; no script of theirs runs here. */
  function ofYouTube() {
    const load = document.getElementById("load");
    let iframe = null;
    const tell = (message) => iframe.contentWindow.postMessage(JSON.stringify(message), youtube);
    addEventListener("message", (event) => {
      if (event.origin !== youtube || !iframe || event.source !== iframe.contentWindow) return;
      let said;
      try { said = JSON.parse(event.data); } catch { return; }
      const now = said?.info?.currentTime;
      if (typeof now === "number") mark(now);
    });
    const play = (seconds) => {
      if (iframe) {
        tell({ event: "command", func: "seekTo", args: [seconds, true] });
        tell({ event: "command", func: "playVideo", args: [] });
        return;
      }
      iframe = document.createElement("iframe");
      iframe.title = "Player";
      iframe.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
      iframe.referrerPolicy = "strict-origin-when-cross-origin";
      const address = new URL(frame.dataset.source);
      address.searchParams.set("autoplay", "1");
      address.searchParams.set("start", String(Math.floor(seconds)));
      address.searchParams.set("origin", location.origin);
      iframe.addEventListener("load", () => tell({ event: "listening" }));
      iframe.src = address.href;
      load.replaceWith(iframe);
      document.body.classList.add("playing");
    };
    load.hidden = false;
    load.addEventListener("click", () => play(Number(frame.dataset.at)));
    return play;
  }

  const media = frame.querySelector("audio, video");
  const play = media ? ofMedia(media) : ofYouTube();
  const transcript = document.getElementById("transcript");
  document.body.classList.add("playable");

  transcript.addEventListener("click", (event) => {
    const target = event.target.closest("[data-t]");
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!getSelection().isCollapsed) return;
    event.preventDefault();
    mark(Number(target.dataset.t));
    play(Number(target.dataset.t));
  });
  transcript.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target.closest(".passage")?.querySelector(".w");
    const from = marked >= 0 && words[marked].closest(".passage") === event.target.closest(".passage") ? marked + step : words.indexOf(own);
    const next = Math.min(Math.max(from, 0), words.length - 1);
    event.preventDefault();
    mark(times[next]);
    play(times[next]);
  });
  const at = Number(frame.dataset.at);
  if (at > 0) mark(at);
})();
