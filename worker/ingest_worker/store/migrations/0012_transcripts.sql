-- Where the words of a run are from: heard, or captions of its source. Whoever reads a passage can tell.
alter table ingest.run add column transcript_source text not null default 'Speech'
  constraint a_transcript_has_a_source check (transcript_source in ('Speech', 'Captions', 'AutomaticCaptions'));

create or replace view ingest.shown_run as
  select id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at, seconds, media_seconds, rtf, language, models, figures,
         superseded_at, transcript_source
    from ingest.run;

create or replace view public.current_segments as
  select s.id, v.id as recording, v.title, v.channel, v.url, v.published_at, s.seq, s.start_seconds, s.end_seconds,
         p.label as speaker, p.decision as speaker_decision, s.text, s.language, s.run, r.transcript_source
    from ingest.recording v
    join ingest.segment s on s.run = v.current_run
    join ingest.run r on r.id = s.run
    left join ingest.speaker p on p.run = s.run and p.speaker = s.speaker;

create or replace view public.recordings as
  select v.id, v.url, v.title, v.channel, v.published_at, v.duration_seconds,
         case when r.id is not null then 'Ingested' when o.recording is not null then 'NotIngestible' else 'Known' end as state,
         o.reason, o.message, coalesce(c.lease_until > now(), false) as in_progress,
         coalesce(r.pipeline_hash, o.pipeline_hash) as pipeline_hash, r.id as run, r.batch, r.finished_at, r.media_seconds, r.seconds, r.rtf,
         r.language, (select count(*) from ingest.segment s where s.run = r.id) as segments,
         (select count(*) from ingest.speaker p where p.run = r.id) as speakers, r.transcript_source
    from ingest.recording v
    left join ingest.run r on r.id = v.current_run
    left join ingest.outcome o on o.recording = v.id
    left join ingest.claim c on c.recording = v.id;
