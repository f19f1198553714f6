"""yt-dlp's exceptions, one by one, and what each of them means."""

import errno
import io

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    IncompleteRead,
    NoSupportingHandlers,
    TransportError,
)
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    RegexNotFoundError,
    UnsupportedError,
    UserNotLive,
)

from ingest_contract.failures import Kind, Reason
from ingest_worker.errors import StageError
from ingest_worker.sources.empty_lists import EmptyListError
from ingest_worker.sources.errors import stage_error

SENTENCES = {
    "Private video. Sign in if you've been granted access to this video. "
    "Use --cookies-from-browser": Reason.PRIVATE,
    "Video unavailable. This video is private": Reason.PRIVATE,
    "This video is only available for registered users. Use --username": Reason.PRIVATE,
    "Join this channel to get access to members-only content like this video, "
    "and other exclusive perks.": Reason.MEMBERS_ONLY,
    "This video is available to this channel's members on level: "
    "Fan (or any higher level). Join this channel": Reason.MEMBERS_ONLY,
    "This video is only available to Music Premium members": Reason.MEMBERS_ONLY,
    "This video requires payment to watch": Reason.MEMBERS_ONLY,
    "Video unavailable. This video has been removed by the uploader": Reason.REMOVED,
    "Video unavailable. "
    "This video is no longer available because the YouTube account is closed.": Reason.REMOVED,
    "This video isn't available anymore": Reason.REMOVED,
    "Video unavailable": Reason.REMOVED,
    "Video unavailable. "
    "This video contains content from Some Label, who has blocked it on copyright grounds": Reason.REMOVED,
    "Video unavailable. This video contains content from Label, "
    "who has blocked it in your country on copyright": Reason.GEO_BLOCKED,
    "Video unavailable. The uploader has not made this video available in your country": Reason.GEO_BLOCKED,
    "Sign in to confirm your age. "
    "This video may be inappropriate for some users. Use --cookies": Reason.AGE_GATED,
    "Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies": Reason.BOT_CHECK,
    "Sign in to confirm you're not a bot. This helps protect our community.": Reason.BOT_CHECK,
    "Video unavailable. YouTube is requiring a captcha challenge before playback": Reason.BOT_CHECK,
    "Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try again with  --extractor-args "
    '"generic:impersonate"': Reason.BOT_CHECK,
    "This content isn't available, try again later. "
    "The current session has been rate-limited by YouTube": Reason.RATE_LIMITED,
    "Video unavailable. This content isn't available, try again later.": Reason.RATE_LIMITED,
    "This live event will begin in 3 hours.": Reason.LIVE_OR_UPCOMING,
    "Premieres in 12 hours": Reason.LIVE_OR_UPCOMING,
    "This live event has ended.": Reason.LIVE_OR_UPCOMING,
    "We're processing this video. Check back later.": Reason.LIVE_OR_UPCOMING,
    "This video is not available on this country domain due to a legal complaint": Reason.GEO_BLOCKED,
    "Video unavailable. "
    "This video is not available on this country domain due to a legal complaint": Reason.GEO_BLOCKED,
    "The page needs to be reloaded.": Reason.EXTRACTOR_BROKEN,
    "This video is DRM protected": Reason.DRM_PROTECTED,
    "This format is DRM protected; Try selecting another format with --format": Reason.DRM_PROTECTED,
    "The requested site is known to use DRM protection. "
    "It will NOT be supported by yt-dlp.": Reason.DRM_PROTECTED,
    "The extracted extension ('exe') "
    "is unusual and will be skipped for safety reasons.": Reason.SOURCE_UNSUPPORTED,
    "m3u8 download detected but ffmpeg could not be found. Please install": Reason.SOURCE_UNSUPPORTED,
    "'talk' is not a valid URL": Reason.SOURCE_UNSUPPORTED,
    "Requested format is not available. "
    "Use --list-formats for a list of available formats": Reason.EXTRACTOR_BROKEN,
    "No video formats found!": Reason.EXTRACTOR_BROKEN,
    "This channel does not have a shorts tab": Reason.NOT_FOUND,
    "This account does not have any videos posted": Reason.NOT_FOUND,
    "Unable to extract uploader id": Reason.EXTRACTOR_BROKEN,
}


@pytest.mark.parametrize(("text", "reason"), SENTENCES.items())
def test_each_sentence_has_its_reason(text: str, reason: Reason) -> None:
    assert told(ExtractorError(text, expected=True, video_id="CNxH0rHS320", ie="youtube")).reason is reason


@pytest.mark.parametrize(
    "text",
    [
        "Unable to download webpage: age of the certificate",
        "Unable to parse: Private video is what the page's title says",
        "The title is: Sign in to confirm your age",
        "Failed to read 'Join this channel'",
        "Unable to download API page: This video has been removed",
    ],
)
def test_a_sentence_counts_only_from_its_beginning(text: str) -> None:
    assert told(ExtractorError(text)).reason is Reason.EXTRACTOR_BROKEN


@pytest.mark.parametrize(
    "error",
    [
        ExtractorError("This channel does not have a streams tab", expected=True),
        ExtractorError("This account does not have any videos posted", expected=True),
        UserNotLive(video_id="UC123"),
    ],
)
def test_a_list_that_is_not_there_is_another_error_than_one_that_cannot_be_read(
    error: ExtractorError,
) -> None:
    assert isinstance(told(DownloadError("ERROR", exc_info=(type(error), error, None))), EmptyListError)
    assert not isinstance(told(ExtractorError("This playlist does not exist", expected=True)), EmptyListError)


OF_ONE_VIDEO = [
    "This video is not available",
    "Video unavailable. This video is not available",
    "This video is unavailable",
    "Video unavailable. This video is unavailable",
    "This content isn't available",
    "This live stream recording is not available.",
    "This clip is gone, says a site that nobody here knows",
    "You need to be logged in to view this lecture",
    "Dieses Video ist nicht mehr verf\u00fcgbar",
]


@pytest.mark.parametrize("text", OF_ONE_VIDEO)
def test_what_a_site_says_of_one_recording_is_that_recordings_and_reported_in_its_words(text: str) -> None:
    error = told(ExtractorError(text, expected=True, video_id="CNxH0rHS320", ie="youtube"))
    assert error.reason is Reason.UNAVAILABLE
    assert str(error) == text
    assert error.failure.kind is Kind.INPUT


@pytest.mark.parametrize("text", OF_ONE_VIDEO)
def test_the_same_words_from_an_extractor_that_did_not_expect_them_mean_that_it_no_longer_fits_its_site(
    text: str,
) -> None:
    assert told(ExtractorError(text)).reason is Reason.EXTRACTOR_BROKEN


def test_an_expected_error_made_of_one_that_was_not_is_no_word_of_the_site() -> None:
    assert (
        told(
            ExtractorError("It is gone", expected=True, cause=RegexNotFoundError("Unable to extract id"))
        ).reason
        is Reason.EXTRACTOR_BROKEN
    )


def test_an_expected_error_of_a_network_is_the_networks() -> None:
    assert (
        told(ExtractorError("No answer", expected=True, cause=TransportError("reset"))).reason
        is Reason.DOWNLOAD_FAILED
    )


def told(error: Exception, *, downloading: bool = False) -> StageError:
    """What is made of an error that arrives as it does from yt-dlp: inside a `DownloadError`, raised while
    handling it."""
    outer = DownloadError(f"ERROR: {error}", (type(error), error, None))
    outer.__context__ = error
    return stage_error(outer, downloading=downloading)


def http(status: int, **headers: str) -> HTTPError:
    return HTTPError(
        Response(
            io.BytesIO(),
            "https://example.org/a",
            {name.replace("_", "-"): value for name, value in headers.items()},
            status,
        )
    )


@pytest.mark.parametrize(
    ("status", "extracting", "downloading"),
    [
        (401, Reason.PRIVATE, Reason.PRIVATE),
        (403, Reason.DOWNLOAD_FAILED, Reason.DOWNLOAD_FAILED),
        (404, Reason.NOT_FOUND, Reason.DOWNLOAD_FAILED),
        (410, Reason.NOT_FOUND, Reason.DOWNLOAD_FAILED),
        (416, Reason.DOWNLOAD_FAILED, Reason.DOWNLOAD_FAILED),
        (429, Reason.RATE_LIMITED, Reason.RATE_LIMITED),
        (451, Reason.GEO_BLOCKED, Reason.GEO_BLOCKED),
        (500, Reason.DOWNLOAD_FAILED, Reason.DOWNLOAD_FAILED),
        (503, Reason.DOWNLOAD_FAILED, Reason.DOWNLOAD_FAILED),
    ],
)
def test_http_codes_are_read_from_the_field_and_a_404_inside_a_recording_is_a_dead_link(
    status: int, extracting: Reason, downloading: Reason
) -> None:
    wrapped = ExtractorError("Unable to download webpage: HTTP Error", cause=http(status), expected=True)
    assert told(wrapped).reason is extracting
    assert told(http(status), downloading=True).reason is downloading


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (GeoRestrictedError("Not here", countries=["DE"]), Reason.GEO_BLOCKED),
        (UserNotLive(), Reason.LIVE_OR_UPCOMING),
        (UnsupportedError("https://example.org/"), Reason.SOURCE_UNSUPPORTED),
        (NoSupportingHandlers([], []), Reason.SOURCE_UNSUPPORTED),
        (TransportError("Connection reset by peer"), Reason.DOWNLOAD_FAILED),
        (CertificateVerifyError("certificate has expired"), Reason.DOWNLOAD_FAILED),
        (IncompleteRead(10, 20), Reason.DOWNLOAD_FAILED),
        (ContentTooShortError(10, 20), Reason.DOWNLOAD_FAILED),
        (TimeoutError("timed out"), Reason.DOWNLOAD_FAILED),
        (OSError(errno.ENOSPC, "No space left on device"), Reason.SCRATCH_FULL),
        (RegexNotFoundError("Unable to extract title"), Reason.EXTRACTOR_BROKEN),
        (
            ExtractorError("An extractor error has occurred.", cause=KeyError("videoDetails")),
            Reason.EXTRACTOR_BROKEN,
        ),
        (StageError(Reason.TOO_LONG, "from a hook"), Reason.TOO_LONG),
        (ZeroDivisionError(), Reason.UNKNOWN),
    ],
)
def test_classes_count_before_words(error: Exception, reason: Reason) -> None:
    assert told(error).reason is reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": "9999999"}, 86_400),
        ({"Retry_After": "Fri, 31 Jan 2025 12:01:30 GMT", "Date": "Fri, 31 Jan 2025 12:00:00 GMT"}, 90),
        ({"Retry_After": "Fri, 31 Jan 2025 11:00:00 GMT", "Date": "Fri, 31 Jan 2025 12:00:00 GMT"}, 0),
        ({"Retry_After": "Fri, 31 Jan 2025 12:01:30 GMT"}, None),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_the_servers_word_by_the_servers_clock(
    headers: dict[str, str], seconds: int | None
) -> None:
    assert (
        told(ExtractorError("Unable to download webpage", cause=http(429, **headers))).retry_after_seconds
        == seconds
    )


def test_the_message_is_the_particular_one_and_asks_nobody_to_report_to_yt_dlp() -> None:
    error = told(ExtractorError("Unable to extract title", video_id="abc", ie="site"))
    assert str(error) == "Unable to extract title"
    assert (
        str(told(ExtractorError("Unable to download webpage", cause=http(503))))
        == "Unable to download webpage (HTTP 503 Service Unavailable)"
    )
