"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 articles of clothing, 28x28 gray."""

from datasets.core.registry import register
from datasets.formats.idx import IdxLoader, members
from datasets.transport.sources import DebianPackage, Download


@register("fashion_mnist")
class FashionMnist(IdxLoader):
    """The official files; the md5 of each is that of the official download, decompressed."""

    description = (
        "Fashion-MNIST: articles of clothing, 28x28 gray, as published; "
        "validation is the last 5,000 of the 60,000 official training images."
    )
    folder = "FashionMNIST/raw"
    checksum = "9abeaa2784940fb2d44181b46c1c9f5c84ec57d8d728ddb74c9ccb48690a4cdb"
    md5 = (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )
    sources = (
        Download(
            mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            members=members("{}.gz", f"{folder}/{{}}.gz"),
            bytes=30_878_645,
        ),
        DebianPackage(
            package="dataset-fashion-mnist",
            members=members("usr/share/datasets/fashion-mnist/{}.gz", f"{folder}/{{}}.gz"),
            bytes=30_900_652,
        ),
    )
