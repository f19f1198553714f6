-- Signs of ownership are no part of a name: NFKC writes Foo™ as FooTM, which nobody asks for.

-- As in 0004, and signs of ownership are a space: trademark, service mark, registered, copyright, and (tm) and (r) as they are typed.
create or replace function ingest.folded(text text) returns text language sql immutable parallel safe return
  regexp_replace(
    regexp_replace(
      normalize(regexp_replace(text, '[\u2122\u2120\u00ae\u00a9]|\((tm|r)\)', ' ', 'gi'), nfkc),
      '[\u00ad\u200b\u2060\ufeff]', '', 'g'),
    '[\u3001-\u3004\u3008-\u3020\u3030\u303d\u30a0\u30fb]', ' ', 'g');

-- The index holds what the function gave when a passage was written.
update ingest.segment set text = text where text ~* '[\u2122\u2120\u00ae\u00a9]|\((tm|r)\)';
