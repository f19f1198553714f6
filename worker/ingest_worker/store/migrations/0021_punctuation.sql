-- Punctuation beyond ASCII is no part of a word. Where the database's LC_CTYPE is C (an embedded store's, and CloudNativePG's default), Postgres'
-- parser takes every other character for a letter: `¿Dónde`, `«abeilles»`, `“bees”` and a word before a danda were words that nobody asks for.

-- As in 0008, and: apostrophes are the typed one, at which the parser divides everywhere; punctuation, signs of currency, arrows, symbols and
-- emoji (Unicode 16, Blocks.txt) are spaces; a raised dot is one behind a word, and part of it within (Catalan).
create or replace function ingest.folded(text text) returns text language sql immutable parallel safe return
  regexp_replace(
    translate(
      regexp_replace(
        normalize(regexp_replace(text, '[\u2122\u2120\u00ae\u00a9]|\((tm|r)\)', ' ', 'gi'), nfkc),
        '[\u00ad\u200b\u2060\ufeff]', '', 'g'),
      U&'\2018\2019\201B\02BC', ''''''''''),
    '[\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6\u00b8\u00bb\u00bf\u00d7\u00f7\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6'
    '\u060c\u061b\u061d-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0970\u0df4\u104a-\u104f\u10fb\u1361-\u1368\u17d4-\u17da\u1800-\u1805\u1807-\u180a'
    '\u2010-\u205e\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f\u3001-\u3004\u3008-\u3020\u3030\u303d\u30a0\u30fb\ufe0e\ufe0f\U0001f000-\U0001faff]'
    '|\u00b7(?=\s|$)', ' ', 'g');

-- The indexes hold what the function gave when a passage or a title was written; only what would be another is written again.
update ingest.segment set text = text
 where text <> ingest.folded(text)
   and tsv <> to_tsvector(ingest.text_configuration(language), ingest.paired(ingest.folded(text)));
update ingest.recording set title = title where title <> ingest.folded(title);
