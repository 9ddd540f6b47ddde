import pytest
from paseport_shared.domain.models.roles import ADMIN, USER, is_role


@pytest.mark.parametrize("name", [ADMIN, USER, "a", "billing.read", "a-b_c.9", "R" * 64])
def test_an_admin_may_create_a_role_of_this_name(name: str) -> None:
    assert is_role(name)


@pytest.mark.parametrize(
    "name",
    ["", "9lives", ".hidden", "-x", "_x", "a,b", "a b", "a\n", "a\x00", "Ädmin", "Аdmin", "a/b", "a:b", "R" * 65],
)
def test_a_name_that_a_header_or_a_reader_could_misread_is_no_role(name: str) -> None:
    assert not is_role(name)
