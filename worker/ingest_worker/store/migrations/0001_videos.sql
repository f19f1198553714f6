-- Recordings, the runs that processed them, and who is at work on which. Base tables live in the schema `ingest`; people read the views.

create table ingest.video (
  id text primary key check (id ~ '^[a-z0-9]+:.+$'),
  url text not null,
  title text not null default '',
  channel text,
  published_at timestamptz,
  duration_seconds double precision check (duration_seconds >= 0),
  current_run uuid,
  first_stored_at timestamptz not null default now()
);
create index video_published_at on ingest.video (published_at);

-- A superseded run keeps its row, as history; its content goes.
create table ingest.run (
  id uuid primary key,
  video text not null references ingest.video on delete cascade,
  batch text not null,
  trace_id text not null,
  try integer not null check (try >= 1),
  pipeline_hash text not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  seconds double precision not null check (seconds >= 0),
  media_seconds double precision not null check (media_seconds >= 0),
  rtf double precision generated always as (case when media_seconds > 0 then seconds / media_seconds end) stored,
  language text not null,
  models jsonb not null,
  figures jsonb not null,
  superseded_at timestamptz,
  unique (video, id),
  constraint a_run_ends_after_it_started check (finished_at >= started_at)
);
create index run_trace_id on ingest.run (trace_id);

-- Deferred: the video comes first, then the run, then the flip, all in one transaction.
alter table ingest.video add constraint current_run_is_a_run_of_this_video
  foreign key (id, current_run) references ingest.run (video, id) deferrable initially deferred;

-- How a video ended that has no run: nobody speaks, no sound, removed. A plan need not try it again under the same pipeline.
create table ingest.outcome (
  video text primary key references ingest.video on delete cascade,
  reason text not null,
  message text not null,
  pipeline_hash text not null,
  recorded_at timestamptz not null default now()
);

-- No foreign key to the video: a claim comes before the first row of a video.
create table ingest.claim (
  video text primary key,
  token bigint not null,
  holder text not null,
  lease_until timestamptz not null,
  heartbeat_at timestamptz not null
);
create sequence ingest.claim_token;

-- The last result of each kept stage, compressed by the worker. A later try resumes behind it.
create table ingest.artifact (
  video text not null,
  stage text not null,
  stage_hash text not null,
  format integer not null,
  content bytea not null,
  created_at timestamptz not null default now(),
  primary key (video, stage)
);
alter table ingest.artifact alter column content set storage external;
