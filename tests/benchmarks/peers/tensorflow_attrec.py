"""The TensorFlow 2 class of AttRec, trained as its script does: Keras' fit over a table of windows, Adam.

Mode dist: squared distances, users and scored items clipped to norm 1 at look-up, a summed hinge, one negative,
L2 on the whole tables; one projection for query and key, padded keys masked, the mean over all rows of the window.
Shapes: B users, L window length, d width; item 0 is padding.
"""

from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

from tests.benchmarks.peers.keras_fit import run

MASKED = -(2.0**32) + 1
W, GAMMA, REGULARISER = 0.5, 0.5, 1e-6


class AttRec(tf.keras.Model):  # type: ignore[misc]
    """score = -(w |U_u - V_i|^2 + (1 - w) |m - X_i|^2)."""

    def __init__(self, n_users: int, n_items: int, d: int, maxlen: int) -> None:
        super().__init__()
        self.d = d
        self.users = self.table(n_users)
        self.short, self.long = self.table(n_items + 1), self.table(n_items + 1)
        self.W = self.add_weight(shape=(d, d), initializer=tf.keras.initializers.RandomUniform(-0.05, 0.05))
        self.TE = tf.constant(time_encoding(maxlen, d))

    def table(self, rows: int) -> Any:
        normal, penalty = tf.keras.initializers.RandomNormal(stddev=0.05), tf.keras.regularizers.L2(REGULARISER)
        return tf.keras.layers.Embedding(rows, self.d, embeddings_initializer=normal, embeddings_regularizer=penalty)

    def call(self, batch: dict[str, Any]) -> Any:
        """Users [B], windows [B, L], targets [B], negatives [B, 1] -> distances [B, 2]; adds the loss."""
        batch = batch | {"neg_item": batch["neg_item"][:, 0]}
        user, m = clipped(self.users(batch["user"])), self.interest(batch["click_seq"])
        near, far = (self.distance(user, m, batch[items]) for items in ("pos_item", "neg_item"))
        self.add_loss(tf.reduce_sum(tf.nn.relu(near - far + GAMMA)))
        return tf.stack([near, far], axis=1)

    def interest(self, windows: Any) -> Any:
        """Windows [B, L] -> m [B, d]."""
        rows = self.short(windows)
        queries = tf.nn.relu(tf.matmul(rows + self.TE, self.W))
        similar = tf.matmul(queries, queries, transpose_b=True) / self.d**0.5
        real = tf.cast(windows != 0, tf.float32)[:, None, :]
        weights = tf.nn.softmax(similar * real + MASKED * (1 - real))
        return tf.reduce_mean(tf.matmul(weights, rows), axis=1)

    def distance(self, user: Any, m: Any, items: Any) -> Any:
        """Users' rows [B, d], m [B, d], items [B] -> [B]."""
        long = tf.reduce_sum(tf.square(user - clipped(self.long(items))), axis=1)
        short = tf.reduce_sum(tf.square(m - clipped(self.short(items))), axis=1)
        return W * long + (1 - W) * short


def clipped(rows: Any) -> Any:
    return tf.clip_by_norm(rows, 1.0, axes=[-1])


def time_encoding(maxlen: int, d: int) -> np.ndarray:
    """[L, d]: sines in the even columns, cosines in the odd ones."""
    angles = np.arange(maxlen)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(maxlen, -1)[:, :d].astype(np.float32)


if __name__ == "__main__":
    run(lambda train, d, maxlen: AttRec(train.n_users, train.n_items, d, maxlen))
