-- Words to search for in scripts that put no spaces between them: every two neighbouring characters are a word, as in Lucene's CJKAnalyzer
-- (CJKBigramFilter), and the last one is a word of its own. Postgres' parser makes one word of a whole clause there, and nobody asks for one.

-- One character of such a script: Han, kana, bopomofo, Hangul (spaced, but its particles are written onto the word), Thai, Lao, Tibetan,
-- Burmese, Khmer; letters and marks without digits and punctuation (Unicode 16, Blocks.txt).
create function ingest.unspaced() returns text language sql immutable parallel safe return
  '[\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff'
  '\uf900-\ufaff\U00020000-\U0003ffff\uac00-\ud7a3\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ece\u0edc-\u0edf\u0f40-\u0fbc\u1000-\u103f'
  '\u1050-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f\u1780-\u17d3\u17dc-\u17dd]';

-- Text as it is compared: full-width letters and half-width kana are the usual ones (NFKC), what is invisible is gone (soft hyphen, zero-width
-- space, word joiner), and punctuation of East Asia is a space, which Postgres takes for a letter where the database's locale is C.
create function ingest.folded(text text) returns text language sql immutable parallel safe return
  regexp_replace(
    regexp_replace(normalize(text, nfkc), '[\u00ad\u200b\u2060\ufeff]', '', 'g'), '[\u3001-\u3004\u3008-\u3020\u3030\u303d\u30a0\u30fb]', ' ', 'g');

create function ingest.paired(text text) returns text language sql immutable parallel safe return
  case when text !~ ingest.unspaced() then text else (
    select string_agg(
             case when part[1] ~ ('^' || ingest.unspaced())
                  then (select string_agg(pair, ' ' order by i)
                          from (select i, one || coalesce(lead(one) over (order by i), '') as pair
                                  from unnest(string_to_array(part[1], null)) with ordinality as character(one, i)) pairs)
                  else part[1] end,
             ' ' order by place)
      from regexp_matches(text, '(?:' || ingest.unspaced() || ')+|[^' || substr(ingest.unspaced(), 2) || '+', 'g') with ordinality as found(part, place)
  ) end;

-- A question as `websearch_to_tsquery` means it: all words must occur, quotes make a phrase, a minus excludes. Characters written together
-- without spaces are a phrase of pairs; a single one, or the last of a phrase, begins a pair.
create function ingest.asked(configuration regconfig, question text) returns tsquery language sql immutable parallel safe return
  regexp_replace(
    websearch_to_tsquery(configuration, coalesce((
      select string_agg(
               case when term[1] ~ ('^-?"|' || ingest.unspaced())
                    then substring(term[1], '^-?') || '"' || regexp_replace(
                           ingest.paired(btrim(term[1], '-"')), '(' || ingest.unspaced() || ')(' || ingest.unspaced() || ') \2$', '\1\2') || '"'
                    else term[1] end,
               ' ' order by place)
        from regexp_matches(
               regexp_replace(
                 ingest.folded(question), '(?<=' || ingest.unspaced() || ')[,;:!?()]+|[,;:!?()]+(?=' || ingest.unspaced() || ')', ' ', 'g'),
               '-?"[^"]*"?|[^\s"]+', 'g') with ordinality as found(term, place)
    ), ''))::text,
    '''(' || ingest.unspaced() || ')''', '''\1'':*', 'g')::tsquery;

-- Every stored passage is read and written once.
alter table ingest.segment drop column tsv;
alter table ingest.segment add column tsv tsvector not null
  generated always as (to_tsvector(ingest.text_configuration(language), ingest.paired(ingest.folded(text)))) stored;
create index segment_text on ingest.segment using gin (tsv);
