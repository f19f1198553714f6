-- What recordings' own pages said, so that a plan which dies goes on, and the next one does not open them again. For workers alone: it names
-- recordings that nobody has ingested. A batch in a row: what was refused to that batch, or changes; null: what holds for every batch.
create table ingest.detail (
  recording text not null primary key check (length(recording) <= 128),
  batch text,
  said jsonb not null,
  seen_at timestamptz not null default now()
);
create index detail_seen_at on ingest.detail (seen_at);
