-- Which batch found that a recording will not be ingested: null for what was found before, which is not known. A recording that a batch has
-- left out counts among those of that batch.
alter table ingest.outcome add column batch text;
create index outcome_batch on ingest.outcome (batch);

create view ingest.shown_outcome as select recording, reason, batch, recorded_at from ingest.outcome;

create or replace view public.recordings as
  select v.id, v.url, v.title, v.channel, v.published_at, v.duration_seconds,
         case when r.id is not null then 'Ingested' when o.recording is not null then 'NotIngestible' else 'Known' end as state,
         o.reason, o.message, coalesce(c.lease_until > now(), false) as in_progress,
         coalesce(r.pipeline_hash, o.pipeline_hash) as pipeline_hash, r.id as run, coalesce(r.batch, o.batch) as batch, r.finished_at,
         r.media_seconds, r.seconds, case when not r.from_store then r.rtf end as rtf,
         r.language, (select count(*) from ingest.segment s where s.run = r.id) as segments,
         (select count(*) from ingest.speaker p where p.run = r.id) as speakers, r.transcript_source
    from ingest.recording v
    left join ingest.run r on r.id = v.current_run
    left join ingest.outcome o on o.recording = v.id
    left join ingest.claim c on c.recording = v.id;

-- How like a voice without a name is to the named one that it is most like: each is compared where it speaks longest, by the same model. The
-- vectors are personal data, which no reader sees: this tells one number of each pair, and never how like two unknown voices are.
create function ingest.nearest_voices(labels text[] default null)
  returns table (label text, nearest text, likeness double precision, threshold double precision)
  language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  with heard as (
    select distinct on (s.label, s.voice_model) s.label, s.name, s.voice_model, s.voice, s.threshold
      from ingest.speaker s join ingest.recording r on r.current_run = s.run
     where s.voice is not null and (s.name is not null or labels is null or s.label = any (labels))
     order by s.label, s.voice_model, s.seconds desc, r.id, s.speaker
  )
  select distinct on (u.label) u.label, n.name, 1 - (u.voice <=> n.voice), u.threshold
    from heard u join heard n on n.voice_model = u.voice_model and n.name is not null
   where u.name is null
   order by u.label, u.voice <=> n.voice, n.name;
end;
