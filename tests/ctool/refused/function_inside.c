float f(float x)
{
    struct s { int a; };
    return x;
}
