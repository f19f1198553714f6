"""One code for each language, however it is written."""

import pytest
from yt_dlp.utils import ISO639Utils

from ingest_contract.languages import code_of


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ("en EN en-US en_GB eng eng-US en-orig", "en"),
        ("de deu ger GER", "de"),
        ("fr fra fre", "fr"),
        ("he iw heb", "he"),
        ("id in ind", "id"),
        ("yi ji yid", "yi"),
        ("ro mo rum ron mol", "ro"),
        ("zh-Hans chi zho", "zh"),
        ("haw", "haw"),
        ("yue-HK", "yue"),
        ("und mul zxx mis qaa qtz UND und-x-a english e 12 -", None),
    ],
)
def test_every_code_of_a_language_is_the_same_language(tags: str, code: str | None) -> None:
    assert {tag: code_of(tag) for tag in tags.split()} == dict.fromkeys(tags.split(), code)


def test_the_table_has_what_yt_dlp_has() -> None:
    theirs = {two: three for two, three in ISO639Utils._lang_map.items() if two != "pe"}  # no code of ISO's
    withdrawn = {"iw": "he", "in": "id", "ji": "yi"}
    assert len(theirs) > 180
    for two, three in theirs.items():
        assert (code_of(two), code_of(three)) == (withdrawn.get(two, two),) * 2
