"""One optimizer that holds one member a network."""

import keras


@keras.saving.register_keras_serializable("keras_t2i")
class AdversarialOptimizer(keras.optimizers.Optimizer):
    """Per-network optimizers behind one `keras.optimizers.Optimizer`.

    Keras saves, restores and schedules `model.optimizer`; with one object in
    that place it sees every member. Setting `learning_rate` (as the callbacks
    of Keras do) scales all members by the same factor, so that their ratio,
    which is part of a method's settings, stays. `iterations` counts training
    steps of the model, whatever each member does in a step.

    Args:
        members: dict of network name -> `keras.optimizers.Optimizer`, or what
            `keras.optimizers.get` turns into one.

    Raises:
        ValueError: if there is no member.
    """

    def __init__(self, members, name="adversarial_optimizer"):
        if not members:
            raise ValueError(
                "`members` needs one optimizer a network. Received: {}"
            )
        # Keras wants a rate for itself; the property below hides it.
        super().__init__(learning_rate=0.0, name=name)
        self.members = {
            key: keras.optimizers.get(value) for key, value in members.items()
        }

    def build(self, variables):
        """Creates the slots of every member.

        Args:
            variables: dict of network name -> its trainable variables. Keras
                itself passes a flat list when it loads a model; by then the
                model has built its members, and there is nothing to do.

        Raises:
            ValueError: if the names differ from those of the members.
        """
        if not isinstance(variables, dict):
            return
        if set(variables) != set(self.members):
            raise ValueError(
                f"The model trains the networks {sorted(variables)}; give one "
                f"optimizer for each. Received: {sorted(self.members)}"
            )
        for key, member in self.members.items():
            if not member.built:
                member.build(variables[key])
        self.built = True

    @property
    def variables(self):
        members = self.members.values()
        return [self.iterations, *(v for m in members for v in m.variables)]

    # The members are saved as children; what is this object's own is one count.
    def save_own_variables(self, store):
        store["iterations"] = keras.ops.convert_to_numpy(self.iterations)

    def load_own_variables(self, store):
        self.iterations.assign(store["iterations"])

    @property
    def learning_rate(self):
        return next(iter(self.members.values())).learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        rates = {k: float(m.learning_rate) for k, m in self.members.items()}
        first = next(iter(rates.values()))
        for key, member in self.members.items():
            ratio = rates[key] / first if first else 1.0
            member.learning_rate = float(value) * ratio

    def finalize_variable_values(self, var_list):
        for member in self.members.values():
            member.finalize_variable_values(var_list)

    def get_config(self):
        members = self.members.items()
        return {
            "name": self.name,
            "members": {k: keras.optimizers.serialize(m) for k, m in members},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        members = {
            key: keras.optimizers.deserialize(member, custom_objects)
            for key, member in config["members"].items()
        }
        return cls(members, name=config["name"])
