"""Where recordings come from: the only place that knows yt-dlp, and the one that keeps it from reaching what
it must not."""
