"""Adam and SGD as Keras has them, in place on one long array of weights and one of gradients.

Both take the learning rates of all steps, or a single one, and use the gradient up. What they
remember must be finite too: else the next steps count for nothing, or for anything.
"""

import numpy as np


class Adam:
    """In place: `mean` and `square` lack their factors 1 - beta, which wait for the last step."""

    def __init__(self, rates, beta_1, beta_2, epsilon):
        self.rates, self.beta_1, self.beta_2, self.epsilon = rates, beta_1, beta_2, epsilon

    def start(self, weights, gradient):
        self.weights, self.gradient, self.count = weights, gradient, 0
        self.mean, self.square = np.zeros_like(weights), np.zeros_like(weights)
        return self

    def __call__(self):
        gradient, root = self.gradient, (1 - self.beta_2) ** 0.5
        rate = self.rates[self.count % len(self.rates)] * (1 - self.beta_1) / root
        self.count += 1
        rate *= (1 - self.beta_2**self.count) ** 0.5 / (1 - self.beta_1**self.count)
        self.mean *= self.beta_1
        self.mean += gradient
        self.square *= self.beta_2
        gradient *= gradient
        self.square += gradient
        np.sqrt(self.square, out=gradient)
        gradient += self.epsilon / root
        np.divide(self.mean, gradient, out=gradient)
        gradient *= rate
        self.weights -= gradient

    def is_finite(self):
        return all(np.isfinite(one).all() for one in (self.weights, self.mean, self.square))


class Momentum:
    def __init__(self, rates, momentum):
        self.rates, self.momentum = rates, momentum

    def start(self, weights, gradient):
        self.weights, self.gradient, self.count = weights, gradient, 0
        self.velocity = np.zeros_like(weights)
        return self

    def __call__(self):
        self.gradient *= self.rates[self.count % len(self.rates)]
        self.count += 1
        self.velocity *= self.momentum
        self.velocity -= self.gradient
        self.weights += self.velocity

    def is_finite(self):
        return all(np.isfinite(one).all() for one in (self.weights, self.velocity))
