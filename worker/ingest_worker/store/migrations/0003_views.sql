-- What people query. Views run with their owner's rights, so a reader of the views needs nothing else.

create view public.current_segments as
  select s.id, v.id as video, v.title, v.channel, v.url, v.published_at, s.seq, s.start_seconds, s.end_seconds,
         p.label as speaker, p.decision as speaker_decision, s.text, s.language, s.run
    from ingest.video v
    join ingest.segment s on s.run = v.current_run
    left join ingest.speaker p on p.run = s.run and p.speaker = s.speaker;

create view public.speakers as
  select v.id as video, v.title, p.speaker, p.label, p.name, p.unknown, p.decision, p.score, p.runner_up, p.runner_up_score,
         p.threshold, p.seconds, p.voice_model, p.run
    from ingest.video v
    join ingest.speaker p on p.run = v.current_run;

create view public.videos as
  select v.id, v.url, v.title, v.channel, v.published_at, v.duration_seconds,
         case when r.id is not null then 'Ingested' when o.video is not null then 'NotIngestible' else 'Known' end as state,
         o.reason, o.message, coalesce(c.lease_until > now(), false) as in_progress,
         coalesce(r.pipeline_hash, o.pipeline_hash) as pipeline_hash, r.id as run, r.batch, r.finished_at, r.media_seconds, r.seconds, r.rtf,
         r.language, (select count(*) from ingest.segment s where s.run = r.id) as segments,
         (select count(*) from ingest.speaker p where p.run = r.id) as speakers
    from ingest.video v
    left join ingest.run r on r.id = v.current_run
    left join ingest.outcome o on o.video = v.id
    left join ingest.claim c on c.video = v.id;
