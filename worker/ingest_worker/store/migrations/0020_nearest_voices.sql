-- As before, but for given voices only: each costs as many distances as voices have names, and a corpus may have many of both. The longest of
-- each is found without its vector, so that no sort over all speakers carries vectors. For nobody until it is granted: an owner who may make
-- no roles runs no grants.
drop function ingest.nearest_voices(text[]);
create function ingest.nearest_voices(labels text[])
  returns table (label text, nearest text, likeness double precision, threshold double precision)
  language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  with longest as (
    select distinct on (s.label, s.voice_model) s.run, s.speaker
      from ingest.speaker s join ingest.recording r on r.current_run = s.run
     where s.voice is not null and (s.name is not null or s.label = any (labels)) and cardinality(labels) > 0
     order by s.label, s.voice_model, s.seconds desc, r.id, s.speaker
  ), heard as materialized (
    select s.label, s.name, s.voice_model, s.voice, s.threshold
      from longest l join ingest.speaker s on s.run = l.run and s.speaker = l.speaker
  )
  select distinct on (u.label) u.label, n.name, 1 - n.distance, u.threshold
    from heard u cross join lateral (
      select h.name, u.voice <=> h.voice as distance from heard h
       where h.voice_model = u.voice_model and h.name is not null order by distance, h.name limit 1) n
   where u.name is null
   order by u.label, n.distance, n.name;
end;
revoke execute on function ingest.nearest_voices(text[]) from public;
