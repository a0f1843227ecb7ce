"""What is compared, on MovieLens-1M: the same shapes, batch, loss and number of negatives on both sides."""

from dataclasses import dataclass

from tests.benchmarks.environments import IMPLICIT, OWN, RECBOLE, TENSORFLOW
from tests.benchmarks.jobs import Job

EPOCH, RANKING = "epoch", "ranking"


@dataclass(frozen=True)
class Peer:
    """A job to compare with; ``at_least``: how many times our cost its cost must be, None where nothing is asked."""

    job: Job
    at_least: float | None = None


@dataclass(frozen=True)
class Work:
    """One comparison; ``at_most``: CPU-seconds that ours may take, None where nothing is asked."""

    title: str
    kind: str
    ours: Job
    at_most: float | None = None
    peers: tuple[Peer, ...] = ()


def ours(label: str, model: str, *overrides: str, batch: int = 2048) -> Job:
    """Return attrec-bench's job for a model of conf/."""
    return Job(label, OWN, "ours", (f"model={model}", f"train.batch_size={batch}", "train.negatives=1", *overrides))


def tensorflow(label: str, module: str, d: int, maxlen: int, share: float) -> Job:
    """Return the job of a TensorFlow class of AttRec."""
    shape = ("--d", str(d), "--maxlen", str(maxlen), "--share", str(share))
    return Job(label, TENSORFLOW, f"peers.{module}", shape)


def recbole(label: str, model: str, loss: str, share: float) -> Job:
    """Return RecBole's job."""
    shape = ("--model", model, "--loss", loss, "--d", "64", "--maxlen", "5", "--share", str(share))
    return Job(label, RECBOLE, "peers.recbole_models", shape)


CASER = ("model.T=1", "model.d=64", "model.maxlen=5", "train.windows=padded")
SHORT = ours("attrec-bench", "attrec_tf2", "model.d=100", "model.maxlen=5")
NARROW = ours("attrec-bench", "attrec_tf2", "model.d=64", "model.maxlen=5")
LONG = ours("attrec-bench", "attrec_tf2", "model.d=64", "model.maxlen=50")
CASER_SAMPLED = ours("attrec-bench, bce", "caser", *CASER)
CASER_TIED = ours("attrec-bench, RecBole's form", "caser", "model.loss=softmax", "model.output=tied", *CASER)
CASER_FULL = ours("attrec-bench, the paper's width 2d+1", "caser", "model.loss=softmax", *CASER)
BPR = ours("attrec-bench, AdaGrad, batch 2048", "bprmf", "model.d=64")
BPR_LARGE = ours("attrec-bench, AdaGrad, batch 8192", "bprmf", "model.d=64", batch=8192)
SEQUENCES = ("model.d=64", "model.maxlen=50", "model.loss=softmax")
SASREC_FULL = ours("attrec-bench, softmax", "sasrec", *SEQUENCES, batch=128)
GRU4REC_FULL = ours("attrec-bench, softmax", "gru4rec", "model.hidden=64", *SEQUENCES, batch=128)
POPULARITY = Job("attrec-bench", OWN, "ours", ("model=popularity",))

RECLEARN_SHORT = tensorflow("RecLearn", "reclearn_attrec", d=100, maxlen=5, share=0.25)
RECLEARN_LONG = tensorflow("RecLearn", "reclearn_attrec", d=64, maxlen=50, share=0.125)
TF_SHORT = tensorflow("the TF class, rewritten", "tensorflow_attrec", d=100, maxlen=5, share=0.25)
TF_LONG = tensorflow("the TF class, rewritten", "tensorflow_attrec", d=64, maxlen=50, share=0.125)
RECBOLE_SAMPLED = recbole("RecBole, BPR loss", "Caser", "BPR", share=0.125)
RECBOLE_FULL = recbole("RecBole, CE loss", "Caser", "CE", share=0.125)
RECBOLE_BPR = recbole("RecBole, Adam, batch 2048", "BPR", "BPR", share=1)
IMPLICIT_BPR = Job("implicit, SGD", IMPLICIT, "peers.implicit_bpr", ("--d", "64"))

WORKS = (
    Work("AttRec epoch, L 5, d 100", EPOCH, SHORT, 10, (Peer(RECLEARN_SHORT, 3.3), Peer(TF_SHORT, 3.3))),
    Work("AttRec epoch, L 50, d 64", EPOCH, LONG, 45, (Peer(RECLEARN_LONG, 2.5), Peer(TF_LONG, 2.5))),
    Work("Caser epoch, L 5, d 64, 1 negative", EPOCH, CASER_SAMPLED, None, (Peer(RECBOLE_SAMPLED, 3),)),
    Work("Caser epoch, L 5, d 64, all items", EPOCH, CASER_TIED, None, (Peer(RECBOLE_FULL, 3),)),
    Work("Caser epoch, L 5, d 64, all items", EPOCH, CASER_FULL, None, (Peer(RECBOLE_FULL),)),
    Work("SASRec epoch, L 50, d 64, all items", EPOCH, SASREC_FULL, 60),
    Work("GRU4Rec epoch, L 50, d 64, all items", EPOCH, GRU4REC_FULL, 60),
    Work("BPR-MF epoch, d 64", EPOCH, BPR, None, (Peer(RECBOLE_BPR, 5), Peer(IMPLICIT_BPR))),
    Work("BPR-MF epoch, d 64", EPOCH, BPR_LARGE, None, (Peer(RECBOLE_BPR), Peer(IMPLICIT_BPR, 1 / 3))),
    Work("full ranking, AttRec, L 5, d 64", RANKING, NARROW, 0.11),
    Work("full ranking, AttRec, L 5, d 100", RANKING, SHORT),
    Work("full ranking, AttRec, L 50, d 64", RANKING, LONG),
    Work("full ranking, BPR-MF, d 64", RANKING, BPR, 0.08, (Peer(RECBOLE_BPR), Peer(IMPLICIT_BPR))),
    Work("full ranking, Caser, L 5, d 64", RANKING, CASER_SAMPLED, None, (Peer(RECBOLE_SAMPLED),)),
    Work("full ranking, Popularity", RANKING, POPULARITY),
)
