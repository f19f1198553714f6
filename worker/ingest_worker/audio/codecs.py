"""The audio codecs that a recording can have: libavcodec has some 550 decoders, and each one that can be
reached is attack surface.

Pure. Given to libavformat, which then opens no other decoder while it probes a file, and checked before a
decoder is opened.
"""

from typing import Final

AUDIO_CODECS: Final = frozenset(
    {
        *(
            "aac",
            "aac_latm",
            "alac",
            "als",
            "mp1",
            "mp1float",
            "mp2",
            "mp2float",
            "mp3",
            "mp3float",
            "mp3adufloat",
            "mp3on4float",
        ),
        *("ac3", "eac3", "dca", "truehd", "mlp", "s302m"),
        *("opus", "libopus", "vorbis", "speex", "flac", "tta", "wavpack"),
        *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
        *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "evrc", "qcelp"),
        *(
            "g722",
            "g723_1",
            "g726",
            "g726le",
            "g729",
            "gsm",
            "gsm_ms",
            "ilbc",
            "truespeech",
            "nellymoser",
            "sipr",
            "siren",
            "msnsiren",
        ),
        *(
            "adpcm_ima_qt",
            "adpcm_ima_wav",
            "adpcm_ms",
            "adpcm_swf",
            "adpcm_yamaha",
            "adpcm_adx",
            "dvaudio",
            "mace3",
            "mace6",
            "qdm2",
            "qdmc",
        ),
        *("pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_s8", "pcm_u8", "pcm_f16le", "pcm_f24le"),
        *(
            "pcm_s16le",
            "pcm_s16be",
            "pcm_s24le",
            "pcm_s24be",
            "pcm_s32le",
            "pcm_s32be",
            "pcm_s64le",
            "pcm_s64be",
        ),
        *("pcm_u16le", "pcm_u16be", "pcm_u24le", "pcm_u24be", "pcm_u32le", "pcm_u32be"),
        *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
        *("pcm_s8_planar", "pcm_s16le_planar", "pcm_s16be_planar", "pcm_s24le_planar", "pcm_s32le_planar"),
    }
)
"""libavcodec's decoder names: the codecs of the supported containers that people use to record, call,
broadcast and publish. Codecs of games and of instruments, and all pictures, are left out."""

CODEC_WHITELIST: Final = ",".join(sorted(AUDIO_CODECS))
"""In the form of libavformat's option `codec_whitelist`."""
