"""Names of scores and counts, as every table, report and chart shows them."""

CLASS_SCORES = ("dice", "iou", "precision", "recall", "accuracy")  # of each class
OBJECT_SCORES = ("aji", "pq", "seg", "ap50", "ap")  # of objects
SCORE_NAMES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy, one against the rest",
    "boundary_f1": "boundary F1",
    "hausdorff95": "95 % Hausdorff distance, pixels",
    "aji": "AJI",
    "pq": "PQ",
    "seg": "SEG",
    "ap50": "AP at 0.5",
    "ap": "AP at 0.5 to 0.95",
    "adapted_rand_error": "adapted Rand error",
    "v_rand": "V_rand",
    "v_info": "V_info",
}
COUNT_NAMES = {
    "references": "references",
    "predictions": "predictions",
    "merged": "merged predictions",
    "joined": "references joined by them",
    "split": "split references",
    "false_negatives": "false negatives",
    "false_positives": "false positives",
}
COUNTS_NOTE = (
    "A merged prediction covers more than half of each of two or more references; these references are joined. A split "
    "reference contains more than half of each of two or more predictions. Objects counted there are counted neither "
    "as false negatives nor as false positives."
)
