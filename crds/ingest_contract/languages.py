"""Codes of languages: one for each, however a site, a list or a person writes it. Pure.

Sites and HLS playlists write IETF tags (`en-US`), three letters of ISO 639-2 (`eng`, and for twenty languages
two codes: `deu` and `ger`) or codes that were withdrawn (`iw`). The table is that of the Library of Congress,
https://www.loc.gov/standards/iso639-2/php/code_list.php, and a test compares it with yt-dlp's.
"""

import re
from types import MappingProxyType
from typing import Final

_TWO_LETTERS: Final = (
    "aar:aa abk:ab ave:ae afr:af aka:ak amh:am arg:an ara:ar asm:as ava:av aym:ay aze:az bak:ba bel:be "
    "bul:bg bih:bh bis:bi bam:bm ben:bn bod:bo bre:br bos:bs cat:ca che:ce cha:ch cos:co cre:cr ces:cs "
    "chu:cu chv:cv cym:cy dan:da deu:de div:dv dzo:dz ewe:ee ell:el eng:en epo:eo spa:es est:et eus:eu "
    "fas:fa ful:ff fin:fi fij:fj fao:fo fra:fr fry:fy gle:ga gla:gd glg:gl grn:gn guj:gu glv:gv hau:ha "
    "heb:he hin:hi hmo:ho hrv:hr hat:ht hun:hu hye:hy her:hz ina:ia ind:id ile:ie ibo:ig iii:ii ipk:ik "
    "ido:io isl:is ita:it iku:iu jpn:ja jav:jv kat:ka kon:kg kik:ki kua:kj kaz:kk kal:kl khm:km kan:kn "
    "kor:ko kau:kr kas:ks kur:ku kom:kv cor:kw kir:ky lat:la ltz:lb lug:lg lim:li lin:ln lao:lo lit:lt "
    "lub:lu lav:lv mlg:mg mah:mh mri:mi mkd:mk mal:ml mon:mn mar:mr msa:ms mlt:mt mya:my nau:na nob:nb "
    "nde:nd nep:ne ndo:ng nld:nl nno:nn nor:no nbl:nr nav:nv nya:ny oci:oc oji:oj orm:om ori:or oss:os "
    "pan:pa pli:pi pol:pl pus:ps por:pt que:qu roh:rm run:rn ron:ro rus:ru kin:rw san:sa srd:sc "
    "snd:sd sme:se sag:sg sin:si slk:sk slv:sl smo:sm sna:sn som:so sqi:sq srp:sr ssw:ss sot:st sun:su "
    "swe:sv swa:sw tam:ta tel:te tgk:tg tha:th tir:ti tuk:tk tgl:tl tsn:tn ton:to tur:tr tso:ts tat:tt "
    "twi:tw tah:ty uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo "
    "zha:za zho:zh zul:zu"
)
"""ISO 639-2/T to ISO 639-1."""

_BIBLIOGRAPHIC: Final = (
    "alb:sq arm:hy baq:eu bur:my chi:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk mao:mi "
    "may:ms per:fa rum:ro slo:sk tib:bo wel:cy"
)
"""ISO 639-2/B, where it is another code than 639-2/T."""

_WITHDRAWN: Final = "iw:he in:id ji:yi mo:ro mol:ro"
"""What old players and Java still write."""

_CODES: Final = MappingProxyType(
    dict(pair.split(":") for pair in f"{_TWO_LETTERS} {_BIBLIOGRAPHIC} {_WITHDRAWN}".split())
)

_UNKNOWN: Final = re.compile(r"und|mul|zxx|mis|q[a-t][a-z]")
"""Undetermined, several, no words, none of the list, and what is reserved for local use (`qaa` is the
original sound, whatever it is)."""

_CODE: Final = re.compile(r"[a-z]{2,3}")


def first_part(tag: str) -> str | None:
    """The code that a tag begins with, as it is written, in lower case; None if it begins with none."""
    code = re.split("[-_.]", tag.lower(), maxsplit=1)[0]
    return code if _CODE.fullmatch(code) else None


def code_of(tag: str) -> str | None:
    """The language of a tag: its code of two letters if it has one, else the one of three. None if the tag
    names no language."""
    code = first_part(tag)
    return None if code is None or _UNKNOWN.fullmatch(code) else _CODES.get(code, code)
