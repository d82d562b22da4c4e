"""Optuna proposes trials from the scores of earlier ones, which a study in the sweep's folder keeps."""

from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from unet_lightning.config.schema import Retry
from unet_lightning.error import InputError
from unet_lightning.search.base import Search
from unet_lightning.search.grid import combinations
from unet_lightning.sweep.trial import validation_score

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution


class Tpe(Search):
    """Optuna's tree-structured Parzen estimator over the values given; `seed=1,2,3` scores each proposal by its mean.

    The study is search.db in the sweep's folder. A sweep that is started again continues up to `search.trials`
    proposals, first with the unfinished ones; with retry=failed the failed ones are proposed once more.
    """

    def explore(self, grids: list[list[Override]]) -> None:
        """Propose, run and score until the study holds as many proposals as wanted."""
        if len(grids) > 1:
            raise InputError(f"search=tpe proposes from one grid; search.grids holds {len(grids)}: add search.grids=[]")
        [overrides] = grids
        searched = {o.get_key_element(): o for o in overrides if o.is_sweep_override() and o.key_or_group != "seed"}
        if not searched:
            raise InputError("search=tpe has nothing to choose from: give values, such as loss=ce,focal")
        for key in ("trials", "at_once"):
            if not isinstance(self.common.search[key], int) or self.common.search[key] < 1:
                raise InputError(f"search.{key}={self.common.search[key]}: expected a number from 1")
        space = {key: distribution(override) for key, override in searched.items()}
        repeats = combinations(o for o in overrides if o.get_key_element() not in searched)
        study = self.open_study()
        left_out = self.propose_failed_again(study)
        while proposals := self.propose(study, space, left_out):
            self.score(study, proposals, repeats)

    def open_study(self) -> "Study":
        """The study of this sweep, with the scores of earlier starts."""
        try:
            import optuna
            from sqlalchemy import URL
        except ImportError:
            raise InputError("search=tpe needs Optuna: pip install 'unet-lightning[search]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            storage = URL.create("sqlite", database=f"{self.folder}/search.db").render_as_string()
            study = optuna.create_study(storage=storage, study_name="search", direction="maximize", load_if_exists=True)
            seed = self.common.search.seed + len(study.trials)  # another start makes other random proposals
        except Exception as error:  # of Optuna, SQLAlchemy or SQLite
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self.folder}/search.db: not what Optuna writes ({reason}); delete it to search anew "
                "(finished trials are not run again), or choose another name: run=…"
            ) from None
        study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=self.common.search.at_once > 1)
        return study

    def propose_failed_again(self, study: "Study") -> set[int]:
        """With retry=failed, propose the failed ones again; the numbers of these failures, which no longer count."""
        from optuna.trial import TrialState

        failed = study.get_trials(states=[TrialState.FAIL]) if self.common.retry is Retry.failed else []
        for proposal in failed:
            study.enqueue_trial(proposal.params)
        return {proposal.number for proposal in failed}

    def propose(self, study: "Study", space: dict[str, "BaseDistribution"], left_out: set[int]) -> list[Any]:
        """The next proposals: those that an earlier start left unfinished, then new ones up to `search.trials`."""
        from optuna.trial import TrialState

        begun = [p for p in study.trials if p.number not in left_out and p.params.keys() == space.keys()]
        under_way = [p for p in begun if p.state == TrialState.RUNNING][: self.common.search.at_once]
        new = min(self.common.search.trials - len(begun), self.common.search.at_once - len(under_way))
        return under_way + [study.ask(space) for _ in range(new)]

    def score(self, study: "Study", proposals: list[Any], repeats: list[list[str]]) -> None:
        """Run some proposals, each with all seeds (`repeats`), and report their mean scores to the study."""
        from optuna.trial import TrialState

        chosen = [[f"{key}={value}" for key, value in proposal.params.items()] for proposal in proposals]
        trials = self.run([repeat + values for values in chosen for repeat in repeats])
        scores = [validation_score(trial.results) for trial in trials]
        for n, proposal in enumerate(proposals):
            own = scores[n * len(repeats) : (n + 1) * len(repeats)]
            if any(map(isnan, own)):
                study.tell(proposal.number, state=TrialState.FAIL)
            else:
                study.tell(proposal.number, fmean(own))


def distribution(override: Override) -> "BaseDistribution":
    """What Optuna may choose from: `a,b,c`, `range(1,9)`, `interval(0.1,1)`, `tag(log,interval(1e-4,1e-2))`."""
    from optuna import distributions

    values = override.value()
    ends: dict[str, Any]
    if isinstance(values, RangeSweep):
        steps = [float(text) for text in override.sweep_string_iterator()]
        ends = {"low": steps[0], "high": steps[-1], "step": values.step}
    elif isinstance(values, IntervalSweep):
        ends = {"low": values.start, "high": values.end, "log": "log" in values.tags}
    else:
        return distributions.CategoricalDistribution(list(override.sweep_string_iterator()))
    if isinstance(values.start, int):
        return distributions.IntDistribution(**ends | {"low": int(ends["low"]), "high": int(ends["high"])})
    return distributions.FloatDistribution(**ends)
