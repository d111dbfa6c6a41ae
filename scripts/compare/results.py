"""Finished measurements, a JSON object a line and a file a model: what is there is not measured again."""
import json
import math
import re
import time

# Paths of this machine are nobody else's business.
FOLDERS = re.compile(r"/[^\s']*/")


class Results:
    def __init__(self, folder, model, judge):
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.model, self.judge = folder / f"{model}.jsonl", model, judge
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.points = {(point["peer"], point["settings"]): point for point in map(json.loads, lines)}

    def get(self, peer, settings, make, scratch):
        """make() gives (bytes, the model as bytes); a failure is kept as well, as {"error": ...}."""
        key = (peer, settings)
        if key not in self.points:
            start = time.monotonic()
            point = {"model": self.model, "peer": peer, "settings": settings}
            try:
                size, model = make()
                scratch.write_bytes(model)
                point |= {"bytes": size} | self.judge().judge(str(scratch))
            except Exception as error:  # whatever a peer raises is its result
                message = f"{type(error).__name__}: {error}".splitlines()[0]
                point["error"] = FOLDERS.sub("", message)[:200]
            point = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in point.items()}
            self.add(point | {"seconds": round(time.monotonic() - start, 1)})
        return self.points[key]

    def add(self, point):
        self.points[point["peer"], point["settings"]] = point
        with open(self.path, "a") as file:
            file.write(json.dumps(point) + "\n")
        print(f"{self.model}: {point['peer']}, {point['settings']}: " +
              (point.get("error") or f"{point['bytes']:,} B, {point['metric']} {point['loss']}"), flush=True)
