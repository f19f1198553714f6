-- What a voice is enrolled from, heard once for each model. For workers alone: vectors of voices are personal data.
--
-- owner: the namespace of the SpeakerProfile, so that namespaces which share a store do not collide; '' is a decision of a person, which holds
-- for every namespace. source: an address without credentials, `recording:<id>?start=..&end=..` for a stretch of an ingested recording, or
-- `recording:<id>?speaker=<n>` for a decision. content: what a file, or the run of a recording, was when it was heard; '' for an address, which
-- is trusted to keep its content. A row counts if it has no reason: what disagrees with the others keeps its vector, to be judged again beside
-- other sources without being heard again.
create table ingest.enrolment (
  owner text not null,
  voice text not null check (length(voice) between 1 and 63),
  source text not null check (length(source) between 1 and 2200),
  model text not null,
  content text not null default '',
  vector vector,
  seconds double precision not null default 0 check (seconds >= 0),
  reason text,
  message text not null default '',
  heard_at timestamptz not null default now(),
  primary key (owner, voice, source, model),
  constraint a_source_without_a_vector_says_why check (vector is not null or reason is not null)
);
