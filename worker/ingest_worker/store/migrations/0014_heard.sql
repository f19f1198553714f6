-- What a run rests on, so that its speakers can be judged and its passages embedded anew without its audio: the stage hashes of the words and
-- turns that it was made from, which name their artifacts; and the voices that it was judged by (null: not known). `from_store`: it was itself
-- made so, and heard nothing; its duration says nothing about how fast a recording is processed.
alter table ingest.run
  add column transcribe_hash text,
  add column diarize_hash text,
  add column voices text,
  add column from_store boolean not null default false;

-- A run replaces or resumes the artifacts of its stages before it is stored: what is older than its end is its own.
update ingest.run r
   set transcribe_hash = t.stage_hash, diarize_hash = d.stage_hash
  from ingest.artifact t, ingest.artifact d
 where r.superseded_at is null and t.recording = r.recording and d.recording = r.recording
   and t.stage = 'transcribe' and d.stage = 'diarize'
   and t.created_at <= r.finished_at and d.created_at <= r.finished_at;

create or replace view ingest.shown_run as
  select id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at, seconds, media_seconds,
         case when not from_store then rtf end as rtf, language, models, figures, superseded_at, transcript_source, from_store
    from ingest.run;

create or replace view public.recordings as
  select v.id, v.url, v.title, v.channel, v.published_at, v.duration_seconds,
         case when r.id is not null then 'Ingested' when o.recording is not null then 'NotIngestible' else 'Known' end as state,
         o.reason, o.message, coalesce(c.lease_until > now(), false) as in_progress,
         coalesce(r.pipeline_hash, o.pipeline_hash) as pipeline_hash, r.id as run, r.batch, r.finished_at, r.media_seconds, r.seconds,
         case when not r.from_store then r.rtf end as rtf,
         r.language, (select count(*) from ingest.segment s where s.run = r.id) as segments,
         (select count(*) from ingest.speaker p where p.run = r.id) as speakers, r.transcript_source
    from ingest.recording v
    left join ingest.run r on r.id = v.current_run
    left join ingest.outcome o on o.recording = v.id
    left join ingest.claim c on c.recording = v.id;
