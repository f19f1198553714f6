"""A site of our own: pages over HTTP that the real yt-dlp reads through an extractor of the tests', with all
that sites do to those who fetch: limits, cookies, refusals, files that break off. And a forward proxy to
reach it through.

`server.serving` starts one. `extractor` is what yt-dlp reads it with: `extractor.registered` puts it into
this process, `extractor.folder` makes a plugin folder of it for the processes of workers, which look into
`INGEST_YTDLP_PLUGINS` and nowhere else.
"""
