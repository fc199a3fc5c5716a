"""In the browser: what lists and sliders show is what is simulated, after any two lessons, tries and settings."""

import pytest

from adccsim.teaching.session import Session
from tests.teaching.walks import every_pair, expected_words

pytestmark = pytest.mark.slow
# What a visitor reads: the chosen option of each list, the words beside each slider and the place of its handle.
READ = """() => {
    const read = {};
    const chosen = box => box.selectedOptions[0]?.innerText;
    for (const box of document.querySelectorAll('.setup select')) read[box.id.slice(2)] = chosen(box);
    for (const slider of document.querySelectorAll('.setup input')) {
        const words = document.querySelector(`[data-testid=value-${slider.id.slice(2)}]`).innerText;
        read[slider.id.slice(2)] = slider.ariaValueText === words ? words : `${words} / ${slider.ariaValueText}`;
    }
    return { ...read, speed: chosen(document.querySelector('.speed select')) };
}"""
SAME = f"""expected => {{
    const text = read => JSON.stringify(Object.entries(read).sort());
    return text(expected) === text(({READ})());
}}"""


def check(visit, model: Session) -> None:
    """Fail unless the page shows, once it has settled, what the session of the same commands simulates."""
    expected = {**expected_words(model), "speed": model.screen()["speeds"][model.screen()["speed"]]}
    visit.set_up()
    try:
        visit.page.wait_for_function(SAME, arg=expected, timeout=20_000)
    except Exception:  # the difference says more than the time that passed
        assert visit.page.evaluate(READ) == expected


def test_after_any_two_lessons_every_choice_shown_is_that_of_the_model(visit):
    one, model = visit(), Session()
    for number in every_pair():
        one.go_to(number)
        model.do({"do": "lesson", "number": number})
        check(one, model)


def test_a_try_a_setting_and_a_lesson_after_them_show_the_model(visit):
    one, model = visit(), Session()
    for number in (4, 6, 1):
        one.go_to(number)
        model.do({"do": "lesson", "number": number})
        for control in model.screen()["controls"]:
            if control["kind"] == "choice" and not control["off"]:
                one.page.get_by_label(control["label"], exact=True).select_option(label=control["words"][-1])
                model.do({"do": "set", "name": control["name"], "at": len(control["words"]) - 1})
                check(one, model)
        label = model.screen()["lesson"]["tries"][0]["label"]
        one.button(label).click()
        model.do({"do": "try", "label": label})
        check(one, model)
