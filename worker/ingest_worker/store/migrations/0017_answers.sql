-- What a search needs beside the words of passages: the words of titles, and which words are common.

-- A title's words, in the dictionary of the recording's current run: a generated column sees its own row only.
alter table ingest.recording add column title_words tsvector not null default '';

create function ingest.title_as_words() returns trigger language plpgsql as $$
begin
  new.title_words := to_tsvector(
    ingest.text_configuration(coalesce((select r.language from ingest.run r where r.id = new.current_run), '')),
    ingest.paired(ingest.folded(new.title)));
  return new;
end $$;

create trigger title_as_words before insert or update of title, current_run on ingest.recording
  for each row execute function ingest.title_as_words();
update ingest.recording set title = title;
create index recording_title_words on ingest.recording using gin (title_words);
create index recording_channel on ingest.recording (channel);
create index run_batch on ingest.run (batch);

create view ingest.shown_title as select id as recording, current_run as run, title_words as words from ingest.recording;

-- How many passages there are, and the share of them that holds each common word, as Postgres' own ANALYZE has counted them: pg_stats shows
-- that to whoever may read the table, and readers read views. It tells words of passages, which every reader may read.
create function ingest.passage_count() returns bigint language sql stable security definer set search_path = pg_catalog, pg_temp return
  (select case when c.reltuples < 10000 then (select count(*) from ingest.segment) else c.reltuples::bigint end
     from pg_catalog.pg_class c where c.oid = 'ingest.segment'::regclass);

create function ingest.common_words() returns table (lexeme text, share real)
  language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select e.lexeme, e.share
    from pg_catalog.pg_stats s,
         rows from (unnest(s.most_common_elems::text::text[]), unnest(s.most_common_elem_freqs)) as e (lexeme, share)
   where s.schemaname = 'ingest' and s.tablename = 'segment' and s.attname = 'tsv' and e.lexeme is not null;
end;
