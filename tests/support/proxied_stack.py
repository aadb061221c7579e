"""A stack with a proxy between its functions and Firestore."""

from typing import NamedTuple

from shared.store.documents import Documents
from shared.store.registrations import Registrations
from shared.store.service import Service
from tools.firestore_proxy import FirestoreProxy
from tools.local.stack import Stack


class ProxiedStack(NamedTuple):
    """Functions whose calls to Firestore are counted and can be broken, and this process's own view of their data."""

    stack: Stack
    proxy: FirestoreProxy
    service: Service
    documents: Documents
    registrations: Registrations
