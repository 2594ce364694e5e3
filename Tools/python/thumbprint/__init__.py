"""Thumbprint for Python: search, load and look after a cluster.

import thumbprint

with thumbprint.Client("127.0.0.1") as client:
    distances, ids = client.collection("photos").search(codes, k=10)
"""

from .admin import (
    ClusterStatus,
    CollectionInfo,
    CollectionStats,
    EndedMove,
    MoveProof,
    MoveStatus,
    Plan,
    PlanStep,
    Position,
    ReplicaStatus,
    ShardStats,
    ShardStatus,
    Undrained,
    WorkerStatus,
)
from .client import Client
from .collection import NO_DISTANCE, NO_ID, Answer, Collection, DeleteReceipt, LoadReceipt
from .dataset import Dataset, DatasetError, read_dataset, write_dataset
from .errors import (
    BusyError,
    CancelledError,
    CoderMismatchError,
    ConflictError,
    DeadlineError,
    DisconnectedError,
    ExistsError,
    InvalidError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    StorageError,
    ThumbprintError,
    TooLargeError,
    UnavailableError,
)
from .messages import Certificate
from .records import Parts, Records
from .tls import TLS
from .version import __version__

__all__ = [
    "NO_DISTANCE",
    "NO_ID",
    "TLS",
    "Answer",
    "BusyError",
    "CancelledError",
    "Certificate",
    "Client",
    "ClusterStatus",
    "CoderMismatchError",
    "Collection",
    "CollectionInfo",
    "CollectionStats",
    "ConflictError",
    "Dataset",
    "DatasetError",
    "DeadlineError",
    "DeleteReceipt",
    "DisconnectedError",
    "EndedMove",
    "ExistsError",
    "InvalidError",
    "LoadReceipt",
    "MoveProof",
    "MoveStatus",
    "NotFoundError",
    "Parts",
    "Plan",
    "PlanStep",
    "Position",
    "ProtocolError",
    "Records",
    "RefusedError",
    "ReplicaStatus",
    "ShardStats",
    "ShardStatus",
    "StorageError",
    "ThumbprintError",
    "TooLargeError",
    "UnavailableError",
    "Undrained",
    "WorkerStatus",
    "__version__",
    "read_dataset",
    "write_dataset",
]
