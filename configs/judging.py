"""How generated weights are judged, in every recipe that does not say otherwise."""

from ml_collections import ConfigDict, config_dict


def evaluate() -> ConfigDict:
    """The section `evaluate` of a recipe."""
    return config_dict.create(
        # Spaces that sets are compared in; the first is the one of the audit.
        features=("pixel_pca", "classifier", "random_conv"),
        components=32,  # Of the pixel PCA.
        unit=False,  # Features of length 1, as in the paper's figures.
        onnx=config_dict.placeholder(str),  # A file: one more space, named after it.
        onnx_mean=(0.0,),  # Of its pixels; ImageNet's: (0.485, 0.456, 0.406),
        onnx_std=(1.0,),  # and (0.229, 0.224, 0.225).
        neighbours=3,  # That make the manifold of precision and recall.
        noise=(0.0, 0.25, 0.5, 0.65, 0.8, 1.0),  # On training weights, in deviations.
        confident=0.9,  # Top probability that counts as recognised.
        repeats=8,  # Random halvings or draws behind every distance and floor.
    )
