"""What each method on fixed features is made of: members of a blend, by name."""

from .blend import Member
from .molecule_features import OF_MODEL

_PLAIN, _WITH_COUNTS = ("descriptors",), ("descriptors", "counts")
# Two kinds of trees, with counts and without.
_TREES = [Member(kind, blocks) for blocks in (_PLAIN, _WITH_COUNTS) for kind in ("extra_trees", "forest")]
_SVM = Member("svm", _PLAIN)

RECIPES: dict[str, tuple[Member, ...]] = {
    "counts_rf": (Member("forest", ("counts",)),),
    "descriptors_rf": (Member("forest", _PLAIN),),
    "descriptors_et": (Member("extra_trees", _PLAIN),),
    "descriptors_svm": (_SVM,),
    "descriptors_blend": tuple(_TREES),
    # The default with nothing of the model.
    "blend_no_vectors": (
        Member("extra_trees", _PLAIN),
        Member("forest", _WITH_COUNTS),
        Member("svm", ("counts",)),
        _SVM,
    ),
    "vectors_et": (Member("extra_trees", ("embedding",)),),
    # The fingerprint of SMILES Transformer (Honda et al. 2019).
    "pools_rf": (Member("forest", ("pools",)),),
    "pools_svm": (Member("svm", ("pools",)),),
    # The default: every member but the last sees a molecule as the model does too.
    "blend": (
        Member("extra_trees", ("descriptors", "texts")),
        Member("forest", ("descriptors", "counts", "embedding")),
        Member("svm", ("embedding",)),
        _SVM,
    ),
}
# Numbers are learned best by boosting, beside a machine that goes on smoothly between the molecules that it saw.
_OF_NUMBERS: dict[str, tuple[Member, ...]] = {
    "blend_no_vectors": (Member("boosting", _PLAIN), _SVM),
    "blend": (Member("boosting", _PLAIN), Member("svm", ("descriptors", "embedding"))),
}
OF_SMILES = ("pools_rf", "pools_svm")  # for models with the read-out `pools` alone
WITH_VECTORS = tuple(
    name for name, made in RECIPES.items() if any(block in OF_MODEL for one in made for block in one.blocks)
)


def find_recipe(method: str, task_type: str) -> tuple[Member, ...]:
    """Give the members of a method, which differ for classes and for numbers.

    Args:
        method (`str`): Key of `RECIPES`.
        task_type (`str`): `"binary"`, `"multiclass"` or `"regression"`.

    Raises:
        KeyError: If there is no such method.
    """
    return _OF_NUMBERS.get(method, RECIPES[method]) if task_type == "regression" else RECIPES[method]
