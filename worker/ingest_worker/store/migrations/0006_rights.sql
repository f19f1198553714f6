-- What readers read, and what is kept for workers alone.

-- Addresses that let somebody in, of recordings that are still to be fetched: everything else (plans, orders, ingest.video) has them without
-- credentials. A row goes with the commit.
create table ingest.address (
  batch text not null,
  video text not null,
  url text not null,
  kept_at timestamptz not null default now(),
  primary key (batch, video)
);

-- One view per table that people's programs read, without the vectors of voices, which are personal data: a reader has no right to any table.
-- Views run with their owner's rights and are part of the query's plan, so every index serves them.
create view ingest.shown_version as select version, name, checksum, applied_at from ingest.schema_version;
create view ingest.shown_video as
  select id, url, title, channel, published_at, duration_seconds, current_run, first_stored_at from ingest.video;
create view ingest.shown_run as
  select id, video, batch, trace_id, try, pipeline_hash, started_at, finished_at, seconds, media_seconds, rtf, language, models, figures,
         superseded_at
    from ingest.run;
create view ingest.shown_segment as
  select id, run, seq, start_seconds, end_seconds, speaker, text, first_word, end_word, language, tsv from ingest.segment;
create view ingest.shown_speaker as
  select run, speaker, decision, name, unknown, label, score, runner_up, runner_up_score, threshold, seconds, voice_model from ingest.speaker;
create view ingest.shown_turn as select run, seq, speaker, start_seconds, end_seconds from ingest.turn;
create view ingest.shown_words as select run, format, content from ingest.words;
create view ingest.shown_model as select id, model, dimension from ingest.embedding_model;

do $$
declare found text;
begin
  for found in select tablename from pg_tables where schemaname = 'ingest' and tablename ~ '^embeddings_[0-9]+$' loop
    execute format('create or replace view ingest.%I as select segment, model, vector from ingest.%I', 'shown_' || found, found);
  end loop;
end $$;
