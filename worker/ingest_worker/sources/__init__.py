"""Where recordings come from: the only place that knows yt-dlp, and that restricts what yt-dlp can reach."""
