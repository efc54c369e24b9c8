"""What a bundle compares: a field of the manifest."""

from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.errors import BundleError, ParameterError
from lpel_serving.support.typed_json import Reader


def read_subject(reader: Reader) -> Subject:
    """Read and check the manifest's record of its subject.

    Raises
    ------
    BundleError
        If a word is missing, of the wrong type or no word, or there are no such regions.
    """
    regions = None if reader.fields.get("regions") is None else reader.take("regions", str)
    words = {name: reader.take(name, str) for name in FACES.words}
    try:
        return Subject(**words, regions=regions)
    except ParameterError as error:
        raise BundleError(f"{reader.where}: {error}") from error
