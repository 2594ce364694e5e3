"""The commands behind every figure, in order, with what each needs and about how long it takes."""

from dataclasses import dataclass

SETS = ("planted", "latent", "growth", "real")


@dataclass(frozen=True)
class Step:
    """One run of `peers`; its report is NAME.json, its tables NAME.md."""

    name: str
    set: str
    minutes: float  # on two cores of a 2024 server, with 1,000,000 codes
    arguments: tuple
    rows: int = None

    def command(self, peers, sets, cache, out, thumbprint=None, core=0):
        words = [
            str(peers),
            "--set",
            f"{sets}/{self.set}",
            "--cache",
            str(cache),
            "--core",
            str(core),
            "--out",
            f"{out}/{self.name}.json",
            *self.arguments,
        ]
        if self.rows is not None:
            words += ["--rows", str(self.rows)]
        return words + (["--thumbprint", str(thumbprint)] if thumbprint else [])


@dataclass(frozen=True)
class SetPlan:
    """One run of `generate`."""

    name: str
    minutes: float
    arguments: tuple

    def command(self, generate, sets):
        return [str(generate), self.arguments[0], f"{sets}/{self.name}", *self.arguments[1:]]


def set_plans(rows, real_codes):
    plans = [
        SetPlan("planted", 0.2, ("planted", "--rows", str(rows))),
        SetPlan("latent", 0.3, ("latent", "--rows", str(rows))),
        # Queries ask for the first rows, so that every beginning of the set can be searched.
        SetPlan(
            "growth",
            0.3,
            (
                "planted",
                "--rows",
                str(2 * rows),
                "--seed",
                "2",
                "--query-rows",
                str(max(rows // 100, 8000)),
            ),
        ),
    ]
    if real_codes is not None:
        plans.append(
            SetPlan("real", 0.1, ("real", "--codes", str(real_codes), "--hold-out", "200"))
        )
    return plans


def ours(*arguments):
    return ("--peers", "flat,thumbprint", *arguments)


def growth_rows(rows):
    return sorted({max(rows // 100, 8000), max(rows // 10, 8000), rows, 2 * rows})


RECALLS = "recall=0.9,recall=0.95,recall=0.99"
PROBES = "1,2,3,4,6,8,10,12,16,20,24,28,32,36,40,44,48,56,64,96,128"
PLANTED_CLASSES = ("f=0.02", "f=0.05", "f=0.10", "f=0.15", "f=0.20", "far")


def planted_steps():
    near = ",".join(PLANTED_CLASSES[:3])
    found = [
        Step("planted", "planted", 3, ours("--promise", f"certified,{RECALLS}", "--no-batch")),
        Step("planted-cold", "planted", 2, ours("--evict", "--no-batch", "--select", near)),
        Step(
            "planted-small",
            "planted",
            1,
            ours("--tables", "64", "--no-batch", "--select", "f=0.02,f=0.05"),
        ),
        Step("sketch-near", "planted", 1, ours("--tables", "0", "--select", near)),
        Step("sketch-26", "planted", 1, ours("--tables", "0", "--select", "f=0.15")),
        Step("sketch-latent", "latent", 1, ours("--tables", "0")),
        Step(
            "far",
            "planted",
            2,
            ours("--promise", "certified,exact,recall=0.99", "--select", "far"),
        ),
    ]
    # Batches of one class each, for one slow class would hide among the fast ones.
    for name in PLANTED_CLASSES:
        arguments = ours("--promise", "exact", "--tables", "0", "--select", name)
        found.append(Step(exact_step(name), "planted", 0.7, arguments))
    return found


def exact_step(class_name):
    return f"exact-{class_name.replace('f=0.', '')}"


def peer_steps():
    """Sweeps of the graphs and of IVF fine enough that equal recall is nearly met."""
    latent = ("--peers", "flat,ivf,hnsw,thumbprint", "--nprobe", PROBES, "--no-batch")
    latent += ("--ef", "16,32,64,96,128,192,256,384,512,1024,2048")
    latent += ("--promise", f"certified,recall=0.985,{RECALLS}")
    real = ("--peers", "flat,ivf,hnsw,usearch,thumbprint", "--nprobe", PROBES)
    real += ("--ef", "32,48,64,80,96,112,128,160,192,256,384")
    real += ("--promise", f"certified,exact,{RECALLS}")
    return [Step("latent", "latent", 12, latent), Step("real", "real", 2, real)]


def growth_steps(rows):
    arguments = ours("--no-batch", "--select", "f=0.02,f=0.05")
    return [Step(f"growth-{count}", "growth", 0.4, arguments, count) for count in growth_rows(rows)]


def further_steps(rows):
    """Figures that no goal asks for."""
    return [
        Step(
            "peers-tenth",
            "growth",
            12,
            ("--promise", f"certified,{RECALLS}"),
            max(rows // 10, 8000),
        ),
        Step("latent-usearch", "latent", 25, ("--peers", "flat,usearch,multihash", "--no-batch")),
    ]


def steps(rows, everything=False):
    """The runs, each of which builds what it measures and measures Flat beside it."""
    found = planted_steps() + peer_steps() + growth_steps(rows)
    return found + further_steps(rows) if everything else found
